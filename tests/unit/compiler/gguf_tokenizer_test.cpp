// SPDX-License-Identifier: MIT
// Tokenizers in the metadata of GGUF files: ends of a turn, types of tokens, pre-tokenizers by
// name, unigram vocabularies.
#include <gtest/gtest.h>

#include "expect_error.hpp"
#include "fixture.hpp"
#include "input/gguf.hpp"
#include "temporary_folder.hpp"
#include "tokenizer/steps.hpp"
#include "tokenizer/tokenizer.hpp"
#include "tokenizers/gguf_pre.hpp"
#include "tokenizers/gguf_tokenizer.hpp"

namespace skald::compiler {
namespace {

using Ids = std::vector<rt::TokenId>;
using Strings = std::vector<std::string>;
using Numbers = std::vector<std::int32_t>;

const std::string kMark = "\xE2\x96\x81";

class GgufTokenizer : public ::testing::Test {
  protected:
    rt::TokenizerSpec spec() {
        test::write_file(folder / "m.gguf", test::gguf_bytes(file));
        return load_gguf_tokenizer(Gguf(folder / "m.gguf"));
    }
    Ids encode(const std::string& text) { return rt::Tokenizer(spec()).encode(text); }
    auto& value(const std::string& key) { return file.values["tokenizer.ggml." + key]; }

    // <unk> <s> </s> _ a b _a ab <|im_end|>
    void use_scores(const std::string& model = "llama") {
        value("model") = model;
        value("tokens") =
            Strings{"<unk>", "<s>", "</s>", kMark, "a", "b", kMark + "a", "ab", "<|im_end|>"};
        value("scores") = std::vector<float>{0, 0, 0, -1, -2, -3, -1.5f, -4.5f, 0};
        value("token_type") = Numbers{2, 3, 3, 1, 1, 1, 1, 1, 1};
        value("bos_token_id") = 1u;
        value("eos_token_id") = 2u;
    }
    void use_bytes() { file = test::make_gguf({}); }

    const test::TemporaryFolder folder;
    test::GgufFile file;
};

TEST_F(GgufTokenizer, TokensThatEndATurnAreNoTextWhateverTheirType) {
    use_scores();
    for (const std::int32_t type : {1, 3, 4}) {
        value("token_type") = Numbers{2, 3, 3, 1, 1, 1, 1, 1, type};
        EXPECT_EQ(spec().eos_ids, (Ids{2, 8}));
        EXPECT_EQ(encode("a<|im_end|>"), (Ids{1, 6, 8}));
        EXPECT_EQ(rt::Tokenizer(spec()).decode(Ids{1, 6, 8}), "a");
    }
    value("eot_token_id") = 5u;
    EXPECT_EQ(spec().eos_ids, (Ids{2, 5, 8}));
}

TEST_F(GgufTokenizer, TokensWithoutATypeAreText) {
    use_scores();
    value("token_type") = Numbers{2, 3, 3, 1, 0, 0, 1, 1, 3};
    EXPECT_EQ(encode("ab"), (Ids{1, 6, 5}));
    EXPECT_EQ(rt::Tokenizer(spec()).decode(Ids{1, 6, 5}), "ab");
    value("token_type") = Numbers{2, 3, 3, 1, 7, 1, 1, 1, 3};
    test::expect_error([&] { spec(); }, {"token_type", "token 4", "7"});
}

TEST_F(GgufTokenizer, NoEndStandsBehindAPrompt) {
    use_scores();
    value("add_eos_token") = true;
    EXPECT_EQ(encode("a"), (Ids{1, 6}));
    value("add_bos_token") = false;
    EXPECT_EQ(encode("a"), (Ids{6}));
    value("add_space_prefix") = false;
    EXPECT_EQ(encode("a"), (Ids{4}));
}

TEST_F(GgufTokenizer, AMissingPreTokenizerIsSaid) {
    use_bytes();
    EXPECT_TRUE(spec().remarks.empty());
    file.values.erase("tokenizer.ggml.pre");
    const auto remarks = spec().remarks;
    ASSERT_EQ(remarks.size(), 1u);
    EXPECT_NE(remarks[0].find("tokenizer.ggml.pre is missing"), std::string::npos) << remarks[0];
    value("pre") = std::string("klingon");
    test::expect_error([&] { spec(); }, {"tokenizer.ggml.pre", "klingon"});
}

TEST_F(GgufTokenizer, UnigramVocabulariesGoByTheSumOfScores) {
    use_scores("t5");
    EXPECT_EQ(encode("ab"), (Ids{6, 5}));
    EXPECT_EQ(encode("aab"), (Ids{6, 7}));
    EXPECT_EQ(encode(" a"), (Ids{3, 6}));
    value("remove_extra_whitespaces") = true;
    EXPECT_EQ(encode("  a   a "), (Ids{6, 6}));
    EXPECT_EQ(encode("   "), Ids{});
    EXPECT_EQ(rt::Tokenizer(spec()).decode(Ids{6, 6}), "a a");
    value("unknown_token_id") = 0u;
    EXPECT_EQ(encode("zzb"), (Ids{3, 0, 5}));  // one for both
}

std::string joined(const std::vector<std::string>& words) {
    std::string all;
    for (const std::string& word : words)
        all += "[" + word + "]";
    return all;
}

TEST(GgufPre, EveryNameCutsAsItsModelsDo) {
    const std::string text =
        "It's  1234567 HTTPServer\n\n \xE6\x97\xA5\xE6\x9C\xAC"
        "a!";
    const std::pair<const char*, const char*> expected[] = {
        {"gpt-2",
         "[It]['s][ ][ 1234567][ HTTPServer][\n\n][ \xE6\x97\xA5\xE6\x9C\xAC"
         "a][!]"},
        {"llama-bpe",
         "[It]['s][ ][ ][123][456][7][ HTTPServer][\n\n][ \xE6\x97\xA5\xE6\x9C\xAC"
         "a][!]"},
        {"qwen2",
         "[It]['s][ ][ ][1][2][3][4][5][6][7][ HTTPServer][\n\n]"
         "[ \xE6\x97\xA5\xE6\x9C\xAC"
         "a][!]"},
        {"gpt-4o",
         "[It's][ ][ ][123][456][7][ HTTPServer][\n\n][ \xE6\x97\xA5\xE6\x9C\xAC"
         "a][!]"},
        {"deepseek-v3",
         "[It]['s][  ][123][456][7][ HTTPServer][\n\n][ ][\xE6\x97\xA5\xE6\x9C\xAC][a][!]"},
        {"kimi-k2",
         "[It's][ ][ ][123][456][7][ HTTPServer][\n\n][ ][\xE6\x97\xA5\xE6\x9C\xAC][a][!]"},
        {"afmoe",
         "[It]['s][  ][1][234][567][ HTTPServer][\n\n][ ][\xE6\x97\xA5\xE6\x9C\xAC][a][!]"},
        {"superbpe",
         "[It's  ][1][234][567][ HTTPServer\n\n \xE6\x97\xA5\xE6\x9C\xAC"
         "a!]"},
        {"bloom",
         "[It's][ ][ 1234567][ HTTPServer][\n\n][ \xE6\x97\xA5\xE6\x9C\xAC"
         "a][!]"},
    };
    for (const auto& [name, words] : expected) {
        const GgufPre* pre = find_gguf_pre(name);
        ASSERT_NE(pre, nullptr) << name;
        std::vector<rt::TokenizerSpec::Step> steps;
        for (const std::string_view split : pre->splits)
            steps.push_back(
                {tokenizer::StepKind::kSplit, tokenizer::kIsolated, std::string(split), ""});
        EXPECT_EQ(joined(rt::PreTokenizer(steps).apply(text, true)), words) << name;
    }
    EXPECT_EQ(find_gguf_pre("klingon"), nullptr);
}

TEST(GgufPre, EveryExpressionIsUnderstoodAndLosesNothing) {
    const std::string text =
        "Ab'LL 12\xC2\xBD\t\xE0\xA4\xA8\xE0\xA4\xAE\xE0\xA4\xB8\xE0\xA5\x8D "
        "<sentinel:1>IMGIMGABZ\r\n  ";
    for (const GgufPre& pre : gguf_pres()) {
        std::vector<rt::TokenizerSpec::Step> steps;
        for (const std::string_view split : pre.splits)
            steps.push_back(
                {tokenizer::StepKind::kSplit, tokenizer::kIsolated, std::string(split), ""});
        std::string all;
        for (const std::string& word : rt::PreTokenizer(steps).apply(text, true))
            all += word;
        EXPECT_EQ(all, text) << pre.name;
    }
}

}  // namespace
}  // namespace skald::compiler
