// SPDX-License-Identifier: MIT
// One model, every source format: the compiled result must be the same, and what is not supported
// must be said in one line.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>

#include "compile.hpp"
#include "compiled.hpp"
#include "container/container.hpp"
#include "expect_error.hpp"
#include "fixture.hpp"
#include "temporary_folder.hpp"
#include "tokenizer/tokenizer.hpp"

namespace skald::compiler {
namespace {

using test::Encoding;
using test::expect_error;
using test::Json;
using test::TinyShape;

class Sources : public ::testing::Test {
  protected:
    std::filesystem::path hugging_face(const TinyShape& shape,
                                       const test::HfOptions& options = {}) {
        const auto folder = temporary_ / ("hf" + std::to_string(count_++));
        test::write_hugging_face(folder, shape, options);
        return folder;
    }
    std::filesystem::path gguf(const test::GgufFile& file) {
        const auto path = temporary_ / ("m" + std::to_string(count_++) + ".gguf");
        test::write_file(path, test::gguf_bytes(file));
        return path;
    }
    rt::Container compiled(const std::filesystem::path& source,
                           const CompileOptions& options = {}) {
        const auto out = temporary_ / ("c" + std::to_string(count_++) + ".skald");
        test::compile_source(source, options, out);
        return rt::Container(out, rt::Container::Verify::kWeights);
    }
    static void expect_same(const rt::Container& a, const rt::Container& b) {
        EXPECT_TRUE(std::equal(a.weights().begin(), a.weights().end(), b.weights().begin(),
                               b.weights().end()));
        const auto pa = std::as_bytes(a.program()), pb = std::as_bytes(b.program());
        EXPECT_TRUE(std::equal(pa.begin(), pa.end(), pb.begin(), pb.end()));
        EXPECT_EQ(a.model().parameters, b.model().parameters);
        EXPECT_EQ(a.model().bos_id, b.model().bos_id);
        EXPECT_EQ(a.model().stop[0], b.model().stop[0]);
    }

    test::TemporaryFolder temporary_;
    int count_ = 0;
};

// KiB of files that are mapped below `folder` and resident.
std::uint64_t resident(const std::filesystem::path& folder) {
    std::ifstream maps("/proc/self/smaps");
    std::uint64_t sum = 0;
    bool below = false;
    for (std::string line; std::getline(maps, line);)
        if (line.find('-') < line.find(' '))
            below = line.find(folder.string()) != std::string::npos;
        else if (below && line.starts_with("Rss:"))
            sum += std::stoull(line.substr(4));
    return sum;
}

TEST_F(Sources, WhatIsForgottenIsNotResidentAndReadAgain) {
    for (const auto& path : {hugging_face(TinyShape{}), gguf(test::make_gguf(TinyShape{}))}) {
        const Model model = load_model(path);
        const std::vector<float> before = model.spec.embedding.of.front()->values();
        EXPECT_GT(resident(temporary_.path()), 0u);
        model.forget();
        EXPECT_EQ(resident(temporary_.path()), 0u);
        EXPECT_EQ(model.spec.embedding.of.front()->values(), before);
    }
}

TEST_F(Sources, HuggingFaceAndGgufGiveTheSameWeightsAndProgram) {
    TinyShape shape;
    shape.attention_bias = shape.mlp_bias = true;
    shape.tied = false;
    for (const Encoding e : {Encoding::kF32, Encoding::kF16, Encoding::kBF16}) {
        test::HfOptions options;
        options.encoding = e;
        // Vectors stay f32 in GGUF files; here they are rounded by the encoding first, so that both
        // sources hold the same numbers.
        test::GgufFile file = test::make_gguf(shape, e);
        const auto folder = hugging_face(shape, options);
        for (test::GgufTensor& t : file.tensors)
            if (t.shape.size() == 1)
                for (std::size_t i = 0; e != Encoding::kF32 && i < t.data.size(); i += 4) {
                    float x;
                    std::memcpy(&x, t.data.data() + i, 4);
                    const auto rounded = test::encode({x}, e);
                    const Tensor one{
                        "", e == Encoding::kF16 ? DType::kF16 : DType::kBF16, {1}, rounded};
                    row_to_f32(one, 0, {&x, 1});
                    std::memcpy(t.data.data() + i, &x, 4);
                }
        expect_same(compiled(folder), compiled(gguf(file)));
    }
}

TEST_F(Sources, ShardsMakeNoDifference) {
    test::HfOptions options;
    options.shards = 3;
    expect_same(compiled(hugging_face({})), compiled(hugging_face({}, options)));
}

TEST_F(Sources, PartsAndVersionsOfGgufMakeNoDifference) {
    test::GgufFile file = test::make_gguf({});
    const auto whole = gguf(file);
    file.version = 2;
    expect_same(compiled(whole), compiled(gguf(file)));
    file.version = 3;
    std::filesystem::path last;
    const auto parts = test::split_gguf(file, 3);
    for (std::size_t n = 0; n < parts.size(); ++n) {
        last = temporary_ / ("s-0000" + std::to_string(n + 1) + "-of-00003.gguf");
        test::write_file(last, test::gguf_bytes(parts[n]));
    }
    expect_same(compiled(whole), compiled(last));
}

TEST_F(Sources, KeepsQ8IntegersAndScalesExactly) {
    TinyShape shape;
    shape.layers = 1;
    const test::GgufFile file = test::make_gguf(shape, Encoding::kQ8_0);
    const rt::Container c = compiled(gguf(file));
    const auto& embedding = file.tensors.front();
    ASSERT_EQ(embedding.name, "token_embd.weight");
    const auto* tiles = reinterpret_cast<const isa::TileI8B32*>(c.weights().data());
    for (std::uint32_t n = 0; n < shape.vocabulary;
         ++n) {  // [280,32]: one block a row, one tile of k
        const std::byte* source = embedding.data.data() + n * 34;
        const isa::TileI8B32& tile = tiles[n / 16];
        ASSERT_EQ(std::memcmp(source, &tile.scale[0][n % 16], 2), 0) << n;
        for (std::uint32_t k = 0; k < 32; ++k)
            ASSERT_EQ(static_cast<std::int8_t>(source[2 + k]),
                      tile.data[k / 4][n % 16][k % 4] - 128)
                << n << "," << k;
    }
}

TEST_F(Sources, ReadsEndOfSequenceIdsAndSamplingDefaults) {
    test::HfOptions options;
    options.generation = [](Json& j) {
        j = {{"eos_token_id", {257, 3}},
             {"temperature", 0.5},
             {"top_p", 0.75},
             {"top_k", 40},
             {"repetition_penalty", 1.5}};
    };
    const rt::Container c = compiled(hugging_face({}, options));
    EXPECT_EQ(c.model().n_stop, 2u);
    EXPECT_EQ(c.model().stop[1], 3u);
    EXPECT_EQ(c.model().temperature, 0.5f);
    EXPECT_EQ(c.model().top_p, 0.75f);
    EXPECT_EQ(c.model().top_k, 40u);
    EXPECT_EQ(c.model().repeat_penalty, 1.5f);
}

TEST_F(Sources, SaysWhatIsNotSupportedInAHuggingFaceFolder) {
    const auto config_error = [&](std::function<void(Json&)> change,
                                  std::initializer_list<const char*> words) {
        test::HfOptions options;
        options.config = std::move(change);
        const auto folder = hugging_face({}, options);
        expect_error([&] { test::plan_source(folder, {}); }, words);
    };
    config_error(
        [](Json& j) {
            j["architectures"] = {"KlingonForCausalLM"};
            j["model_type"] = "klingon";
        },
        {"config.json", "KlingonForCausalLM", "klingon", "not supported", "llama", "qwen3_moe"});
    config_error([](Json& j) { j["architectures"] = {"LlamaForSequenceClassification"}; },
                 {"config.json", "LlamaForSequenceClassification", "not supported"});
    config_error([](Json& j) { j["model_type"] = "mamba2"; },
                 {"mamba2", "not supported", "the card lacks", "SCAN"});
    config_error(
        [](Json& j) {
            j["architectures"] = {"MixtralForCausalLM"};
            j["model_type"] = "mixtral";
        },
        {"config.json", "num_local_experts", "missing"});
    config_error([](Json& j) { j["num_local_experts"] = 8; },
                 {"config.json", "num_local_experts (8)", "not understood"});
    config_error([](Json& j) { j["hidden_act"] = "gelu_25"; },
                 {"config.json", "hidden_act", "gelu_25", "not known"});
    config_error([](Json& j) { j["quantization_config"] = {{"quant_method", "gptq"}}; },
                 {"quantization_config"});
    config_error([](Json& j) { j["rope_scaling"] = {{"rope_type", "klingon"}, {"factor", 4.0}}; },
                 {"config.json", "klingon", "not supported"});
    config_error([](Json& j) { j["rope_scaling"] = {{"rope_type", "llama3"}, {"factor", 4.0}}; },
                 {"rope_scaling.low_freq_factor", "missing"});
    config_error([](Json& j) { j["partial_rotary_factor"] = 0.4; },
                 {"config.json", "0.4 of heads of 8", "pairs"});
    config_error([](Json& j) { j.erase("hidden_size"); },
                 {"config.json", "hidden_size", "missing"});
    config_error([](Json& j) { j["hidden_size"] = "big"; }, {"hidden_size", "whole number"});
    config_error([](Json& j) { j["num_hidden_layers"] = -1; },
                 {"num_hidden_layers", "whole number"});
    config_error([](Json& j) { j["num_hidden_layers"] = 5000000000; },
                 {"num_hidden_layers", "too large"});
    config_error([](Json& j) { j["num_hidden_layers"] = 3; },
                 {"model.layers.2.input_layernorm.weight", "missing", "[32]"});
    config_error([](Json& j) { j["num_attention_heads"] = 5; }, {"heads", "multiple"});
    config_error([](Json& j) { j["num_attention_heads"] = 0; }, {"num_attention_heads", "0"});
    config_error([](Json& j) { j["head_dim"] = 7; }, {"config.json", "heads of 7", "pairs"});
    config_error([](Json& j) { j["intermediate_size"] = 48; },
                 {"gate_proj.weight", "shape [40,32]", "expected [48,32]"});
    config_error([](Json& j) { j["vocab_size"] = 100; }, {"100"});
    config_error([](Json& j) { j["eos_token_id"] = 9999; }, {"end-of-sequence id 9999"});
    config_error([](Json& j) { j["eos_token_id"] = "x"; }, {"eos_token_id"});
    config_error([](Json& j) { j["tie_word_embeddings"] = false; }, {"lm_head.weight", "missing"});
    config_error([](Json& j) { j["attention_bias"] = true; }, {"q_proj.bias", "missing"});
    config_error([](Json& j) { j["rms_norm_eps"] = -1.0; }, {"epsilon"});
    config_error([](Json& j) { j["rope_theta"] = 0; }, {"rope_theta", "positive"});
}

TEST_F(Sources, RefusesTensorsThatTheConfigurationDoesNotCallFor) {
    const auto left_over = [&](TinyShape shape, std::function<void(Json&)> change,
                               std::initializer_list<const char*> words) {
        test::HfOptions options;
        options.config = std::move(change);
        const auto folder = hugging_face(shape, options);
        expect_error([&] { load_model(folder); }, words);
    };
    left_over({}, [](Json& j) { j["num_hidden_layers"] = 1; },
              {"tensor model.layers.1.input_layernorm.weight", "1 layers"});
    left_over({.attention_bias = true}, [](Json& j) { j["attention_bias"] = false; },
              {"tensor model.layers.0.self_attn.k_proj.bias", "as it is configured"});
    left_over({.mlp_bias = true}, [](Json& j) { j["mlp_bias"] = false; },
              {"tensor model.layers.0.mlp.down_proj.bias", "as it is configured"});
    test::GgufFile file = test::make_gguf({});
    file.values["llama.block_count"] = 1u;
    const auto path = gguf(file);
    expect_error([&] { load_model(path); }, {"tensor blk.1.attn_k.weight", "1 layers"});
    file = test::make_gguf({});
    file.tensors.push_back({"blk.1.attn_sinks.weight", {4}, 0, std::vector<std::byte>(16)});
    const auto with_sinks = gguf(file);
    expect_error([&] { load_model(with_sinks); }, {"tensor blk.1.attn_sinks.weight"});
}

TEST_F(Sources, LeavesTensorsThatSayNothingNew) {
    test::HfOptions options;
    options.weights = [](test::TinyWeights& w) {
        w.tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = {{4}, {1, 2, 3, 4}};
        w.tensors["lm_head.weight"] = w.tensors["model.embed_tokens.weight"];
    };
    options.config = [](Json& j) { j["tie_word_embeddings"] = true; };
    expect_same(compiled(hugging_face({})), compiled(hugging_face({}, options)));
    test::GgufFile file = test::make_gguf({});
    const auto plain = gguf(file);
    file.tensors.push_back({"blk.0.attn_rot_embd.weight", {1}, 0, std::vector<std::byte>(4)});
    expect_same(compiled(plain), compiled(gguf(file)));
}

TEST_F(Sources, CompilesASlidingWindowModelWithinOneWindow) {
    test::HfOptions options;
    options.config = [](Json& j) {
        j["architectures"] = {"MistralForCausalLM"};
        j["model_type"] = "mistral";
        j["sliding_window"] = 16;
    };
    CompileOptions compile_options;
    compile_options.context = 16;
    EXPECT_EQ(compiled(hugging_face({}, options), compile_options).model().context, 16u);
}

TEST_F(Sources, SaysWhatIsNotSupportedInAGgufFile) {
    const auto gguf_error = [&](auto change, std::initializer_list<const char*> words) {
        test::GgufFile file = test::make_gguf({});
        change(file);
        const auto path = gguf(file);
        expect_error([&] { test::plan_source(path, {}); }, words);
    };
    using File = test::GgufFile;
    gguf_error([](File& f) { f.version = 1; }, {"byte 4", "version 1", "versions 2 and 3"});
    gguf_error([](File& f) { f.values["general.architecture"] = std::string("klingon"); },
               {"klingon", "not supported", "llama", "qwen3moe"});
    gguf_error([](File& f) { f.values["general.architecture"] = std::string("mamba2"); },
               {"mamba2", "the card lacks", "SCAN"});
    gguf_error([](File& f) { f.values["llama.expert_count"] = 8u; },
               {"llama.expert_used_count", "missing"});
    gguf_error([](File& f) { f.values["llama.some_new_switch"] = true; },
               {"llama.some_new_switch", "not understood"});
    gguf_error([](File& f) { f.values["llama.rope.scaling.type"] = std::string("klingon"); },
               {"klingon", "not supported"});
    for (const std::uint32_t dims : {0u, 3u, 10u})
        gguf_error([&](File& f) { f.values["llama.rope.dimension_count"] = dims; },
                   {"rope.dimension_count", "at most 8"});
    gguf_error([](File& f) { f.values["llama.attention.value_length"] = 4u; }, {"value_length"});
    gguf_error([](File& f) { f.values["split.count"] = 3u; },
               {"part 1 of 3", "-00001-of-00003.gguf"});
    gguf_error([](File& f) { f.values.erase("llama.block_count"); },
               {"llama.block_count", "missing"});
    gguf_error([](File& f) { f.values["llama.block_count"] = std::string("2"); },
               {"llama.block_count", "whole number"});
    gguf_error([](File& f) { f.values["tokenizer.ggml.model"] = std::string("bert"); },
               {"bert", "llama, gpt2"});
    gguf_error([](File& f) { f.values["tokenizer.ggml.pre"] = std::string("klingon"); },
               {"klingon"});
    gguf_error(
        [](File& f) { f.values["tokenizer.ggml.merges"] = std::vector<std::string>{"q zz"}; },
        {"merges", "zz"});
    gguf_error([](File& f) { f.values["tokenizer.ggml.eos_token_id"] = 999u; },
               {"eos_token_id", "999"});
    gguf_error([](File& f) { f.tensors[1].type = 16; },
               {"blk.0.attn_norm.weight", "iq2_xxs", "not supported", "q4_k, q5_k"});
    gguf_error([](File& f) { f.tensors.pop_back(); }, {"output_norm.weight", "missing"});
    gguf_error([](File& f) { f.tensors[0].shape = {280, 16}; },
               {"token_embd.weight", "[280,16]", "[280,32]"});
}

TEST_F(Sources, SaysWhatIsNotSupportedInATokenizer) {
    const auto tokenizer_error = [&](std::function<void(Json&)> change,
                                     std::initializer_list<const char*> words) {
        test::HfOptions options;
        options.tokenizer = std::move(change);
        const auto folder = hugging_face({}, options);
        expect_error([&] { load_model(folder); }, words);
    };
    tokenizer_error([](Json& j) { j["model"]["type"] = "WordPiece"; },
                    {"tokenizer.json", "WordPiece", "BPE"});
    tokenizer_error([](Json& j) { j["normalizer"] = {{"type", "Bytes"}}; },
                    {"Bytes", "normalizer.type", "not supported"});
    tokenizer_error([](Json& j) { j["pre_tokenizer"] = {{"type", "UnicodeScripts"}}; },
                    {"UnicodeScripts", "pre_tokenizer.type"});
    tokenizer_error([](Json& j) { j["decoder"] = {{"type", "WordPiece"}}; },
                    {"WordPiece", "decoder.type"});
    tokenizer_error([](Json& j) { j["post_processor"] = {{"type", "Pairs"}}; }, {"Pairs"});
    tokenizer_error([](Json& j) { j["model"]["end_of_word_suffix"] = "</w>"; },
                    {"end_of_word_suffix"});
    tokenizer_error([](Json& j) { j["model"]["dropout"] = 0.1; }, {"dropout"});
    tokenizer_error([](Json& j) { j["model"]["merges"].push_back("x"); }, {"merges", "entry 4"});
    tokenizer_error([](Json& j) { j["model"]["merges"].push_back("the q"); }, {"merges", "theq"});
    tokenizer_error([](Json& j) { j["model"]["vocab"]["new"] = 5; },
                    {"model.vocab", "another token"});
    tokenizer_error([](Json& j) { j["model"]["vocab"]["new"] = 1u << 30; }, {"new", "2^24"});
    tokenizer_error([](Json& j) { j["model"]["vocab"]["new"] = 1000; },
                    {"1001 tokens", "280 rows"});
    tokenizer_error([](Json& j) { j.erase("model"); }, {"model", "missing"});
    tokenizer_error(
        [](Json& j) {
            j["pre_tokenizer"] = {
                {"type", "Split"}, {"pattern", {{"Regex", "x"}}}, {"behavior", "Odd"}};
        },
        {"behavior", "Odd"});
    const Json bad = {{"Regex", "(?<=a+b)("}};
    tokenizer_error(
        [&](Json& j) {
            j["pre_tokenizer"] = {
                {"type", "Sequence"},
                {"pretokenizers",
                 {{{"type", "Split"}, {"pattern", bad}, {"behavior", "Isolated"}}}}};
        },
        {"tokenizer.json", "pre_tokenizer.pretokenizers[0].pattern.Regex", "(?<=a+b)(", "offset"});
    tokenizer_error(
        [&](Json& j) {
            j["normalizer"] = {{"type", "Replace"}, {"pattern", bad}, {"content", ""}};
        },
        {"tokenizer.json", "normalizer.pattern.Regex"});
}

TEST_F(Sources, GivesEveryRowOfThePaddedVocabularyAPiece) {
    const rt::Container c = compiled(hugging_face({}));
    const rt::Tokenizer t(c.tokenizer());
    EXPECT_EQ(t.size(), c.model().vocabulary);
    EXPECT_EQ(t.piece_bytes(279), "");
}

TEST_F(Sources, TakesAFolderOfAnyName) {
    test::write_hugging_face(temporary_ / "a\xff", {});
    const rt::Container c = compiled(temporary_ / "a\xff");
    EXPECT_EQ(std::string(c.model().name), "a\xEF\xBF\xBD");
    EXPECT_EQ(Json::parse(c.notes())["source"], "a\xEF\xBF\xBD");
    std::string euros;
    while (euros.size() <= sizeof(container::ModelInfo::name))
        euros += "\xE2\x82\xAC";
    test::write_hugging_face(temporary_ / euros, {});
    const std::string cut = compiled(temporary_ / euros).model().name;
    EXPECT_EQ(cut, euros.substr(0, (sizeof(container::ModelInfo::name) - 1) / 3 * 3));
}

TEST_F(Sources, SaysWhichWeightIsNotFinite) {
    test::HfOptions options;
    options.weights = [](test::TinyWeights& w) {
        w.tensors["model.layers.1.mlp.up_proj.weight"].data[32 * 7 + 3] = NAN;
    };
    const auto folder = hugging_face({}, options);
    for (const WeightChoice w : {WeightChoice::kKeep, WeightChoice::kF16, WeightChoice::kF32}) {
        CompileOptions compile_options;
        compile_options.weights = w;
        expect_error([&] { test::compile_source(folder, compile_options, temporary_ / "x.skald"); },
                     {"model.layers.1.mlp.up_proj.weight", "row 7", "not finite"});
        for (const auto& entry : std::filesystem::directory_iterator(temporary_.path()))
            EXPECT_EQ(entry.path().string().find("x.skald"), std::string::npos) << entry.path();
    }
}

TEST_F(Sources, SaysWhatIsMissing) {
    expect_error([&] { load_model(temporary_ / "nothing"); }, {"nothing", "no such file"});
    std::filesystem::create_directory(temporary_ / "empty");
    expect_error([&] { load_model(temporary_ / "empty"); }, {"empty", "config.json"});
    const auto folder = hugging_face({});
    std::filesystem::remove(folder / "tokenizer.json");
    expect_error([&] { load_model(folder); }, {"tokenizer.json"});
    std::filesystem::remove(folder / "model.safetensors");
    expect_error([&] { load_model(folder); }, {"model.safetensors"});
}

TEST_F(Sources, RefusesAContextTheModelDoesNotHave) {
    Model model = load_model(hugging_face({}));
    CompileOptions options;
    for (const std::uint32_t context : {0u, 3u, 65u, 1u << 30}) {
        options.context = context;
        expect_error([&] { plan(model, options); }, {"context", "4 to 64"});
    }
    options.context = 18;
    EXPECT_EQ(plan(model, options).graph.context, 16u);  // whole units of 4
}

TEST_F(Sources, SaysWhoseLimitAContextIsBeyond) {
    CompileOptions options;
    options.context = 300'000;
    expect_error([&] { test::plan_source(hugging_face({}), options); },
                 {"the model allows 4 to 64"});
    Model larger = load_model(hugging_face({.context = 1u << 20}));
    expect_error([&] { plan(larger, options); }, {"the card allows 4 to 262140"});
}

TEST_F(Sources, LeavesNothingBehindWhenTheOutputCannotBeWritten) {
    Model model = load_model(hugging_face({}));
    expect_error([&] { compile(model, {}, temporary_ / "no" / "such" / "x.skald"); },
                 {"x.skald", "cannot create"});
    std::filesystem::create_directory(temporary_ / "taken");
    test::write_file(temporary_ / "taken" / "x", {});
    expect_error([&] { compile(model, {}, temporary_ / "taken"); },
                 {"taken", "not a regular file"});
    for (const auto& entry : std::filesystem::directory_iterator(temporary_.path()))
        EXPECT_EQ(entry.path().string().find("taken."), std::string::npos) << entry.path();
}

}  // namespace
}  // namespace skald::compiler
