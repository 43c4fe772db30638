// SPDX-License-Identifier: MIT
// What lies beside a tokenizer.json: which tokens begin and end a text, and which are special.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "expect_error.hpp"
#include "temporary_folder.hpp"
#include "tokenizer/tokenizer.hpp"
#include "tokenizers/hf_tokenizer.hpp"

namespace skald::compiler {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<rt::TokenId>;

Json added(unsigned id, const char* text, bool special) {
    return {{"id", id}, {"content", text}, {"special", special}, {"normalized", false}};
}

Json sequence_of(std::initializer_list<const char*> before,
                 std::initializer_list<const char*> behind) {
    const auto special = [](const char* name) {
        return Json{{"SpecialToken", {{"id", name}, {"type_id", 0}}}};
    };
    Json single = Json::array();
    for (const char* name : before)
        single.push_back(special(name));
    single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
    for (const char* name : behind)
        single.push_back(special(name));
    return {{"type", "TemplateProcessing"},
            {"single", single},
            {"special_tokens",
             {{"<s>", {{"id", "<s>"}, {"ids", {0}}, {"tokens", {"<s>"}}}},
              {"</s>", {{"id", "</s>"}, {"ids", {1}}, {"tokens", {"</s>"}}}}}}};
}

// <s> 0, </s> 1, a 2, b 3, ab 4, <|im_end|> 5, x 6, <|eot_id|> 7
class HfConfig : public ::testing::Test {
  protected:
    HfConfig() {
        tokenizer = {{"added_tokens", {added(0, "<s>", true), added(1, "</s>", true)}},
                     {"normalizer", nullptr},
                     {"pre_tokenizer", nullptr},
                     {"post_processor", nullptr},
                     {"decoder", {{"type", "Fuse"}}},
                     {"model",
                      {{"type", "BPE"},
                       {"vocab",
                        {{"<s>", 0},
                         {"</s>", 1},
                         {"a", 2},
                         {"b", 3},
                         {"ab", 4},
                         {"<|im_end|>", 5},
                         {"x", 6},
                         {"<|eot_id|>", 7}}},
                       {"merges", {"a b"}}}}};
    }

    rt::TokenizerSpec spec() {
        std::ofstream(folder / "tokenizer.json") << tokenizer;
        if (!config.is_null())
            std::ofstream(folder / "tokenizer_config.json") << config;
        if (!map.is_null())
            std::ofstream(folder / "special_tokens_map.json") << map;
        return load_hf_tokenizer(folder / "tokenizer.json");
    }
    Ids encode(const std::string& text) { return rt::Tokenizer(spec()).encode(text); }

    const test::TemporaryFolder folder;
    Json tokenizer, config, map;
};

TEST_F(HfConfig, FlagsOfSomeClassesReplaceTheTemplate) {
    for (const char* name : {"LlamaTokenizer", "LlamaTokenizerFast", "GemmaTokenizerFast"}) {
        config = {{"tokenizer_class", name}, {"bos_token", "<s>"}};
        tokenizer["post_processor"] = {{"type", "ByteLevel"}};
        EXPECT_EQ(encode("ab"), (Ids{0, 4})) << name;  // as if add_bos_token were true
        config["add_bos_token"] = true;
        tokenizer["post_processor"] = sequence_of({"<s>"}, {});
        EXPECT_EQ(encode("ab"), (Ids{0, 4})) << name;  // once
        config["add_bos_token"] = false;
        EXPECT_EQ(encode("ab"), (Ids{4})) << name;
        EXPECT_EQ(spec().bos_id, tokenizer::kNoToken);
    }
}

TEST_F(HfConfig, OtherClassesLeaveTheTemplateAlone) {
    for (const char* name : {"PreTrainedTokenizerFast", "Qwen2Tokenizer", "TokenizersBackend"}) {
        config = {{"tokenizer_class", name}, {"bos_token", "<s>"}, {"add_bos_token", true}};
        tokenizer["post_processor"] = nullptr;
        EXPECT_EQ(encode("ab"), (Ids{4})) << name;
        config["add_bos_token"] = false;
        tokenizer["post_processor"] = sequence_of({"<s>"}, {});
        EXPECT_EQ(encode("ab"), (Ids{0, 4})) << name;
    }
}

TEST_F(HfConfig, ABeginningThatIsNotInTheVocabularyIsRefused) {
    config = {{"tokenizer_class", "LlamaTokenizer"}, {"bos_token", "<begin>"}};
    test::expect_error([&] { spec(); }, {"tokenizer_config.json", "bos_token", "<begin>"});
    config["add_bos_token"] = false;
    EXPECT_EQ(encode("ab"), (Ids{4}));
}

TEST_F(HfConfig, NoEndStandsBehindAPrompt) {
    tokenizer["post_processor"] = sequence_of({"<s>"}, {"</s>"});
    EXPECT_EQ(encode("ab"), (Ids{0, 4}));
    config = {{"tokenizer_class", "LlamaTokenizer"},
              {"bos_token", "<s>"},
              {"eos_token", "</s>"},
              {"add_eos_token", true}};
    EXPECT_EQ(encode("ab"), (Ids{0, 4}));
    config["tokenizer_class"] = "PreTrainedTokenizerFast";
    EXPECT_EQ(encode("ab"), (Ids{0, 4}));
    EXPECT_EQ(encode("ab</s>"), (Ids{0, 4, 1}));  // who wants it writes it
}

TEST_F(HfConfig, EndsAreTheUnionOfAllThatNameThem) {
    EXPECT_EQ(spec().eos_ids, (Ids{1, 5, 7}));  // by their names
    config = {{"eos_token", "x"}};
    EXPECT_EQ(spec().eos_ids, (Ids{6, 1, 5, 7}));
    config = {{"eos_token", {{"content", "<|im_end|>"}, {"lstrip", false}}}};
    EXPECT_EQ(spec().eos_ids, (Ids{5, 1, 7}));
    config = {{"eos_token", nullptr}};
    map = {{"eos_token", {{"content", "x"}}}};
    EXPECT_EQ(spec().eos_ids, (Ids{6, 1, 5, 7}));
    config = {{"eos_token", 5}};
    test::expect_error([&] { spec(); }, {"tokenizer_config.json", "eos_token"});
}

TEST_F(HfConfig, ANameThatCouldBeTextEndsNothingUnlessItIsSpecial) {
    tokenizer["added_tokens"] = {added(0, "<s>", true), added(1, "</s>", false)};
    EXPECT_EQ(spec().eos_ids, (Ids{5, 7}));
}

TEST_F(HfConfig, AMessagesEndIsNoTurnsEndWhereBothAreTold) {
    auto& vocabulary = tokenizer["model"]["vocab"];
    vocabulary["<|end|>"] = 8;
    EXPECT_EQ(spec().eos_ids, (Ids{1, 5, 7, 8}));
    vocabulary["<|return|>"] = 9;
    vocabulary["<|call|>"] = 10;
    EXPECT_EQ(spec().eos_ids, (Ids{1, 5, 7, 9, 10}));
}

TEST_F(HfConfig, NamedTokensOfTheVocabularyBecomeSpecial) {
    EXPECT_EQ(encode("a<|im_end|>"), (Ids{2}));
    config = {{"additional_special_tokens", {"<|im_end|>", "<none>"}}};
    EXPECT_EQ(encode("a<|im_end|>b"), (Ids{2, 5, 3}));
    EXPECT_EQ(rt::Tokenizer(spec()).decode(Ids{2, 5, 3}), "ab");
}

TEST_F(HfConfig, TheEndIsNoTextWhateverItsAddedTokenSays) {
    tokenizer["added_tokens"] = {added(0, "<s>", true), added(1, "</s>", false),
                                 added(7, "<|eot_id|>", false)};
    config = {{"eos_token", "</s>"}, {"additional_special_tokens", {"<|eot_id|>"}}};
    EXPECT_EQ(rt::Tokenizer(spec()).decode(Ids{2, 1, 7}), "a<|eot_id|>") << "as the reference";
}

TEST_F(HfConfig, TheDecoderOfAddedTokensAddsAndOverrules) {
    config = {{"added_tokens_decoder",
               {{"6", {{"content", "x"}, {"special", true}, {"lstrip", true}}},
                {"8", {{"content", "<new>"}, {"special", false}, {"normalized", false}}}}}};
    EXPECT_EQ(encode("a x<new>b"), (Ids{2, 6, 8, 3}));
    EXPECT_EQ(rt::Tokenizer(spec()).decode(Ids{2, 6, 8}), "a<new>");
    config["added_tokens_decoder"] = {{"3", {{"content", "<new>"}}}};
    test::expect_error([&] { spec(); }, {"tokenizer_config.json", "\"b\""});
    config["added_tokens_decoder"] = {{"three", {{"content", "<new>"}}}};
    test::expect_error([&] { spec(); }, {"tokenizer_config.json", "three"});
}

TEST_F(HfConfig, TheSpaceBeforeATextIsTheConfigurationsWord) {
    tokenizer["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
    tokenizer["model"]["vocab"]["\xC4\xA0"] = 8;
    EXPECT_EQ(encode("a"), (Ids{2}));
    config = {{"add_prefix_space", true}};
    EXPECT_EQ(encode("a"), (Ids{8, 2}));
    tokenizer["pre_tokenizer"]["add_prefix_space"] = true;
    EXPECT_EQ(encode("a"), (Ids{8, 2}));
    config["add_prefix_space"] = false;
    EXPECT_EQ(encode("a"), (Ids{2}));
}

}  // namespace
}  // namespace skald::compiler
