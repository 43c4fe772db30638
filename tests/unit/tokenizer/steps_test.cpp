// SPDX-License-Identifier: MIT
#include "tokenizer/steps.hpp"

#include <gtest/gtest.h>

#include "specs.hpp"

namespace skald::rt {
namespace {

using test::tk::StepKind;
using Words = std::vector<std::string>;

Words split(const std::string& text, const std::string& pattern, std::uint32_t flags) {
    return PreTokenizer({{StepKind::kSplit, flags, pattern, ""}}).apply(text, true);
}

TEST(PreTokenizer, SplitsInEveryBehaviour) {
    const std::string text = "the-final--countdown";
    EXPECT_EQ(split(text, "-", tokenizer::kRemoved), (Words{"the", "final", "countdown"}));
    EXPECT_EQ(split(text, "-", tokenizer::kIsolated),
              (Words{"the", "-", "final", "-", "-", "countdown"}));
    EXPECT_EQ(split(text, "-", tokenizer::kMergedPrevious),
              (Words{"the-", "final-", "-", "countdown"}));
    EXPECT_EQ(split(text, "-", tokenizer::kMergedNext),
              (Words{"the", "-final", "-", "-countdown"}));
    EXPECT_EQ(split(text, "-", tokenizer::kContiguous),
              (Words{"the", "-", "final", "--", "countdown"}));
}

TEST(PreTokenizer, InvertsAndTakesLiterals) {
    EXPECT_EQ(split("a.b", ".", tokenizer::kIsolated | tokenizer::kLiteral),
              (Words{"a", ".", "b"}));
    EXPECT_EQ(split("ab 12", "[a-z]+", tokenizer::kRemoved | tokenizer::kInvert), (Words{"ab"}));
}

TEST(PreTokenizer, SplitsLikeGpt2) {
    const std::string gpt2 =
        R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
    EXPECT_EQ(split("Hello, you're  3 \xC3\xA9t\xC3\xA9s!\n\n", gpt2, tokenizer::kIsolated),
              (Words{"Hello", ",", " you", "'re", " ", " 3", " \xC3\xA9t\xC3\xA9s", "!", "\n\n"}));
}

TEST(PreTokenizer, SplitsLikeLlama3) {
    const std::string llama3 =
        R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
    EXPECT_EQ(split("It'S 12345 (ok)!\n\n  x", llama3, tokenizer::kIsolated),
              (Words{"It", "'S", " ", "123", "45", " (", "ok", ")!\n\n", " ", " x"}));
}

TEST(PreTokenizer, PutsTheMarkBeforeWords) {
    const auto metaspace = [](std::uint32_t flags, const std::string& text, bool first) {
        return PreTokenizer({{StepKind::kMetaspace, flags, "_", ""}}).apply(text, first);
    };
    using tokenizer::kPrependAlways, tokenizer::kPrependFirst, tokenizer::kSplitWords;
    EXPECT_EQ(metaspace(kPrependAlways | kSplitWords, "a b", false), (Words{"_a", "_b"}));
    EXPECT_EQ(metaspace(kPrependAlways, " a b", true), (Words{"_a_b"}));
    EXPECT_EQ(metaspace(kPrependFirst, "a b", true), (Words{"_a_b"}));
    EXPECT_EQ(metaspace(kPrependFirst, "a b", false), (Words{"a_b"}));
    EXPECT_EQ(metaspace(kSplitWords, "a  b", true), (Words{"a", "_", "_b"}));
}

TEST(PreTokenizer, GivesNoWordsForNoText) {
    EXPECT_TRUE(split("", "x", tokenizer::kIsolated).empty());
}

TEST(Normalizer, AppliesStepsInOrder) {
    const Normalizer n({{StepKind::kPrepend, 0, "_", ""},
                        {StepKind::kReplace, 0, " ", "_"},
                        {StepKind::kReplaceRegex, 0, "[0-9]+", "#"},
                        {StepKind::kLowercase, 0, "", ""}});
    EXPECT_EQ(n.apply("A 42 \xC3\x89\xCE\xA3"), "_a_#_\xC3\xA9\xCF\x83");
    EXPECT_EQ(n.apply(""), "");
}

TEST(Normalizer, StripsWhiteSpaceAtTheEnds) {
    const Normalizer n({{StepKind::kStripSpace, tokenizer::kLeft | tokenizer::kRight, "", ""}});
    EXPECT_EQ(n.apply(" \n a b \t"), "a b");
}

TEST(Regex, RejectsABrokenExpressionWithItsPlace) {
    try {
        const Regex regex("(a");
        FAIL();
    } catch (const TokenizerError& e) {
        EXPECT_NE(std::string(e.what()).find("offset 0"), std::string::npos) << e.what();
    }
}

TEST(Regex, RefusesToTakeCharactersApart) {
    EXPECT_THROW(Regex(R"(\C)"), TokenizerError);
}

TEST(Regex, RefusesTextThatIsNotUtf8) {
    const Regex regex(R"(\s+|\p{L}+)");
    EXPECT_THROW((void)regex.find_all("ab \xFF\x96\x81 cd"), TokenizerError);
    EXPECT_THROW((void)regex.find_all("caf\xC3"), TokenizerError);
}

TEST(Regex, MatchesLongRunsWhateverTheStackSays) {
    const std::string text(100'000, ' ');
    EXPECT_EQ(Regex(R"((\s|x)+(?!\S)|\s+)").find_all(text).size(), 1u);
}

}  // namespace
}  // namespace skald::rt
