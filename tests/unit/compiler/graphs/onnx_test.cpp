// SPDX-License-Identifier: MIT
// A graph is the program, and the weights, of the folder it was exported from.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <memory>
#include <set>

#include "compile.hpp"
#include "expect_error.hpp"
#include "interpret/interpreter.hpp"
#include "judge.hpp"
#include "onnx_llama.hpp"
#include "raise/graph_model.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

using test::OnnxOptions;
using Operators = OnnxOptions::Operators;

// A multiple of 32 wide, as blocks of four bits need it.
constexpr test::TinyShape kShape{
    .layers = 3, .hidden = 64, .ffn = 96, .heads = 4, .kv_heads = 2, .head_dim = 16, .context = 64};

struct Both {
    std::shared_ptr<test::TemporaryFolder> temporary = std::make_shared<test::TemporaryFolder>();
    Model folder, graph;
};

Both models(const test::TinyShape& shape, const OnnxOptions& options,
            std::size_t external_from = SIZE_MAX) {
    Both b;
    test::TinyWeights weights = test::random_weights(shape);
    if (options.integer_weights)
        test::round_to_four_bits(weights);
    test::HfOptions how;
    how.weights = [&](test::TinyWeights& w) { w = weights; };
    test::write_hugging_face(*b.temporary / "model", shape, how);
    test::onnx_llama(shape, weights, options).write(*b.temporary / "model.onnx", external_from);
    b.folder = load_model(*b.temporary / "model");
    b.graph = load_graph(*b.temporary / "model.onnx", {.tokenizer = *b.temporary / "model"});
    return b;
}

std::vector<std::vector<float>> weights_of(const DecoderSpec& spec) {
    std::vector<std::vector<float>> all;
    each_matrix(spec, [&](std::string_view, std::optional<std::uint32_t>, const Matrix& m) {
        all.push_back(m.of.front()->values());
    });
    for (const Layer& l : spec.layers)
        for (const Norm* n : {&l.mixer_in, &l.ffn_in})
            all.push_back(n->gain->values());
    all.push_back(spec.output_norm.gain->values());
    return all;
}

void expect_same(Both b, WeightChoice weights = WeightChoice::kF32) {
    CompileOptions options;
    options.weights = weights;
    const Plan folder = plan(b.folder, options), graph = plan(b.graph, options);
    ASSERT_EQ(graph.program.size(), folder.program.size());
    EXPECT_EQ(std::memcmp(graph.program.data(), folder.program.data(),
                          folder.program.size() * sizeof(isa::MicroOp)),
              0);
    EXPECT_EQ(weights_of(b.graph.spec), weights_of(b.folder.spec));
    ASSERT_EQ(b.graph.spec.rotary.size(), 1u);
    EXPECT_EQ(b.graph.spec.rotary, b.folder.spec.rotary);
}

class AtOpset : public testing::TestWithParam<int> {};

TEST_P(AtOpset, PlainOperatorsAreTheFoldersProgram) {
    expect_same(models(kShape, {.opset = GetParam()}));
}

TEST_P(AtOpset, CachesAndMasksAndPositionsAsInputsAreTheFoldersProgram) {
    expect_same(models(kShape, {.opset = GetParam(), .cache = true}));
}

INSTANTIATE_TEST_SUITE_P(Onnx, AtOpset, testing::Values(13, 17, 21));

TEST(Onnx, AWindowIsReadOffTheMask) {
    test::TinyShape shape = kShape;
    shape.window = 11;
    for (const bool cache : {false, true}) {
        const Both b = models(shape, {.cache = cache});
        for (const Layer& l : b.graph.spec.layers)
            EXPECT_EQ(std::get<Attention>(l.mixer).window, 11u);
    }
}

TEST(Onnx, GroupQueryAttentionThatTurnsByItselfIsTheFoldersProgram) {
    expect_same(models(kShape, {.operators = Operators::kGroupQuery, .cache = true}));
    expect_same(models(kShape, {.operators = Operators::kGroupQuery}));
}

TEST(Onnx, ItsWindowIsTheModels) {
    test::TinyShape shape = kShape;
    shape.window = 9;
    const Both b = models(shape, {.operators = Operators::kGroupQuery, .cache = true});
    EXPECT_EQ(std::get<Attention>(b.graph.spec.layers[1].mixer).window, 9u);
}

TEST(Onnx, ItsSinksAreTheModels) {
    const Both b =
        models(kShape, {.operators = Operators::kGroupQuery, .cache = true, .sinks = true});
    const std::vector<float> expected{-0.25f, 0.25f, 0.75f, 1.25f};
    EXPECT_EQ(std::get<Attention>(b.graph.spec.layers[1].mixer).sinks->values(), expected);
}

TEST(Onnx, MultiHeadAttentionAndRotaryEmbeddingAreTheFoldersProgram) {
    test::TinyShape shape = kShape;
    shape.kv_heads = shape.heads;
    expect_same(models(shape, {.operators = Operators::kMultiHead, .cache = true}));
}

TEST(Onnx, OperatorsOfOpset23AreTheFoldersProgram) {
    expect_same(models(kShape, {.opset = 23, .operators = Operators::kOnnx23, .cache = true}));
}

TEST(Onnx, WeightsBesideTheFileAreThoseInIt) {
    expect_same(models(kShape, {}, 1024));
}

TEST(Onnx, RowsOfATransposedMatrixAreThoseOfTheWhole) {
    const Both b = models(kShape, {});
    for (const Layer& l : b.graph.spec.layers) {
        const Expr& e = std::get<FeedForward>(l.ffn).down.weight.of.front();
        const std::vector<float> all = e->values();
        std::vector<float> two(2 * e->columns());
        e->read(5, two);
        EXPECT_TRUE(std::ranges::equal(two, std::span(all).subspan(5 * e->columns(), two.size())));
    }
}

TEST(Onnx, AHeadOfItsOwnStaysOne) {
    test::TinyShape shape = kShape;
    shape.tied = false;
    expect_same(models(shape, {}));
}

TEST(Onnx, WeightsOfFourBitsStayIntegers) {
    Both b = models(kShape, {.integer_weights = true});
    CompileOptions options;
    const Plan p = plan(b.graph, options);
    for (const Layer& l : b.graph.spec.layers)
        EXPECT_EQ(std::get<FeedForward>(l.ffn).up.weight.format, isa::WeightFormat::I4B32);
    EXPECT_EQ(weights_of(b.graph.spec), weights_of(b.folder.spec));
}

TEST(Onnx, AFixedNumberOfTokensIsTheContext) {
    const Both b = models(kShape, {.tokens = 24});
    EXPECT_EQ(b.graph.spec.longest, 24u);
    EXPECT_EQ(b.graph.spec.context, 24u);
}

TEST(Onnx, ATableOfAnglesIsTheLongestContext) {
    test::TinyShape shape = kShape;
    shape.context = 40;
    EXPECT_EQ(
        models(shape, {.operators = Operators::kGroupQuery, .cache = true}).graph.spec.longest,
        40u);
}

// ---- ONNX Runtime ----

struct Judged {
    const char* name;
    OnnxOptions options;
    bool shared_heads = true, beside = false;
    int since = 0;  // ONNX Runtime 1.
};

class JudgedByOnnxRuntime : public testing::TestWithParam<Judged> {};

TEST_P(JudgedByOnnxRuntime, AGraphHasTheLogitsOfWhatItBecomes) {
    SKALD_NEED_ONNX_RUNTIME();
    if (!test::onnx_runtime_is_at_least(1, GetParam().since))
        GTEST_SKIP() << "ONNX Runtime has this since 1." << GetParam().since;
    test::TinyShape shape = kShape;
    if (!GetParam().shared_heads)
        shape.kv_heads = shape.heads;
    const Both b = models(shape, GetParam().options, GetParam().beside ? 1024 : SIZE_MAX);
    std::vector<std::uint32_t> ids;
    for (std::uint32_t i = 0; i < 23; ++i)
        ids.push_back((5 + 17 * i + i * i) % shape.vocabulary);
    const ir::Graph graph = ir::build(b.graph.spec, {shape.context, isa::KvFormat::F16});
    interpret::Rows rows = interpret::Interpreter(graph, {}).read(ids, ids.size());
    const std::vector<float> logits = test::judged(*b.temporary / "model.onnx", ids);
    ASSERT_EQ(logits.size(), rows.count() * rows.width());
    double squares = 0, worst = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
        const double expected = rows[i / rows.width()][i % rows.width()];
        squares += expected * expected;
        worst = std::max(worst, std::abs(logits[i] - expected));
    }
    EXPECT_LT(worst, 2e-4 * std::sqrt(squares / static_cast<double>(logits.size())));
}

INSTANTIATE_TEST_SUITE_P(
    Onnx, JudgedByOnnxRuntime,
    testing::Values(Judged{"Opset13", {.opset = 13}}, Judged{"Opset17", {.opset = 17}},
                    Judged{"Opset21", {.opset = 21}},
                    Judged{"Opset13Cache", {.opset = 13, .cache = true}},
                    Judged{"Opset17Cache", {.opset = 17, .cache = true}},
                    Judged{"Opset21Cache", {.opset = 21, .cache = true}},
                    Judged{"WeightsBeside", {.cache = true}, true, true},
                    Judged{"GroupQuery", {.operators = Operators::kGroupQuery, .cache = true}},
                    Judged{"Sinks",
                           {.operators = Operators::kGroupQuery, .cache = true, .sinks = true},
                           true,
                           false,
                           23},
                    Judged{"MultiHead", {.operators = Operators::kMultiHead, .cache = true}, false},
                    Judged{"IntegerWeights", {.integer_weights = true}}),
    [](const auto& of) { return std::string(of.param.name); });

// ---- folders ----

// Nodes [first, last) as a graph of their own.
onnx::ModelProto cut(const onnx::ModelProto& whole, int first, int last) {
    onnx::ModelProto part = whole;
    auto& g = *part.mutable_graph();
    const auto& all = whole.graph();
    g.clear_node();
    g.clear_initializer();
    g.clear_input();
    g.clear_output();
    std::set<std::string> made, read, read_outside;
    for (int n = 0; n < all.node_size(); ++n) {
        const bool inside = n >= first && n < last;
        if (inside)
            *g.add_node() = all.node(n);
        for (const auto& in : all.node(n).input())
            (inside ? read : read_outside).insert(in);
        if (inside)
            made.insert(all.node(n).output().begin(), all.node(n).output().end());
    }
    for (const auto& output : all.output())
        read_outside.insert(output.name());
    std::set<std::string> known = made;
    for (const auto& t : all.initializer())
        if (read.contains(t.name())) {
            *g.add_initializer() = t;
            known.insert(t.name());
        }
    for (const auto& input : all.input())
        if (read.contains(input.name())) {
            *g.add_input() = input;
            known.insert(input.name());
        }
    for (const std::string& name : read)
        if (!name.empty() && !known.contains(name)) {
            auto& input = *g.add_input();
            input.set_name(name);
            input.mutable_type()->mutable_tensor_type()->set_elem_type(1);
        }
    for (const std::string& name : made)
        if (read_outside.contains(name))
            g.add_output()->set_name(name);
    return part;
}

TEST(Onnx, FilesOfAPipelineAreOneModel) {
    Both b = models(kShape, {.cache = true});
    const auto folder = *b.temporary / "pipeline";
    std::filesystem::create_directories(folder);
    onnx::ModelProto whole;
    std::ifstream file(*b.temporary / "model.onnx", std::ios::binary);
    ASSERT_TRUE(whole.ParseFromIstream(&file));
    const int n = whole.graph().node_size();
    for (const auto& [name, first, last] :
         {std::tuple("embeds.onnx", 0, 1), {"layers.onnx", 1, n - 3}, {"head.onnx", n - 3, n}}) {
        std::ofstream out(folder / name, std::ios::binary);
        ASSERT_TRUE(cut(whole, first, last).SerializeToOstream(&out));
    }
    std::filesystem::copy_file(*b.temporary / "model" / "tokenizer.json",
                               folder / "tokenizer.json");
    std::ofstream(folder / "genai_config.json") << R"({"model": {"type": "decoder-pipeline",
        "context_length": 48, "eos_token_id": 7, "decoder": {"pipeline": [
        {"embeddings": {"filename": "embeds.onnx"}, "transformer": {"filename": "layers.onnx"},
         "head": {"filename": "head.onnx"}}]}}})";
    const auto files = graph_at(folder);
    ASSERT_TRUE(files);
    EXPECT_EQ(files->size(), 3u);
    b.graph = load_graph(*files);
    EXPECT_EQ(b.graph.spec.context, 48u);
    EXPECT_TRUE(std::ranges::count(b.graph.tokenizer.eos_ids, 7u));
    b.folder.spec.longest = b.folder.spec.context = 48;
    expect_same(std::move(b));
}

TEST(Onnx, APartOfAPipelineThatIsNoFileOfTheFolderIsNamed) {
    const test::TemporaryFolder folder;
    std::ofstream(folder / "genai_config.json")
        << R"({"model": {"decoder": {"pipeline": [{"head": {"filename": "../head.onnx"}}]}}})";
    test::expect_error([&] { graph_at(folder.path()); },
                       {"genai_config.json", "model.decoder.pipeline[0].head.filename"});
}

TEST(Onnx, ATokenizerMayBeMistrals) {
    const Both b = models(kShape, {});
    const auto folder = *b.temporary / "tekken";
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "tekken.json")
        << R"({"config": {"pattern": "[a-c]+|\\s", "default_vocab_size": 8,
        "default_num_special_tokens": 3, "version": "v11"}, "vocab": [
        {"rank": 0, "token_bytes": "YQ=="}, {"rank": 1, "token_bytes": "Yg=="},
        {"rank": 2, "token_bytes": "Yw=="}, {"rank": 3, "token_bytes": "YWI="},
        {"rank": 4, "token_bytes": "YWJj"}], "special_tokens": [
        {"rank": 0, "token_str": "<s>", "is_control": true},
        {"rank": 1, "token_str": "</s>", "is_control": true},
        {"rank": 2, "token_str": "[x]", "is_control": true}]})";
    const Model m = load_graph(*b.temporary / "model.onnx", {.tokenizer = folder});
    EXPECT_EQ(m.spec.vocabulary, kShape.vocabulary);
    test::expect_error(
        [&] { load_graph(*b.temporary / "model.onnx", {.tokenizer = b.temporary->path()}); },
        {"tokenizer.json", "tekken.json", "--tokenizer"});
}

TEST(Onnx, ExplainSaysWhatEachPartIs) {
    const Both b = models(kShape, {});
    std::string all;
    for (const std::string& line : explain_graph(*b.temporary / "model.onnx"))
        all += line + "\n";
    EXPECT_NE(all.find("embedding"), std::string::npos) << all;
    EXPECT_NE(all.find("layer 2 attention 4x16"), std::string::npos) << all;
    EXPECT_NE(all.find("layer 0 feed-forward"), std::string::npos) << all;
}

}  // namespace
}  // namespace skald::compiler
