// SPDX-License-Identifier: MIT
// Expressions: what is refused, and what does not depend on the library that matches. Which
// characters the classes hold, golden_words_test of the compiler compares with the reference.
#include "tokenizer/regex.hpp"

#include <gtest/gtest.h>

#include "tokenizer/spec.hpp"
#include "tokenizer/unicode.hpp"

namespace skald::rt {
namespace {

std::string marked(const std::string& pattern, const std::string& text) {
    std::string out;
    std::size_t at = 0;
    for (const Regex::Match& m : Regex(pattern).find_all(text)) {
        out += text.substr(at, m.begin - at) + "[" + text.substr(m.begin, m.end - m.begin) + "]";
        at = m.end;
    }
    return out + text.substr(at);
}

void refuses(const std::string& pattern, const std::string& words) {
    try {
        const Regex regex(pattern);
        ADD_FAILURE() << pattern << " is accepted";
    } catch (const TokenizerError& e) {
        EXPECT_NE(std::string(e.what()).find(words), std::string::npos) << e.what();
        EXPECT_NE(std::string(e.what()).find(pattern), std::string::npos) << e.what();
    }
}

TEST(Regex, RefusesByNameWhatItDoesNotUnderstand) {
    refuses(R"((a)\1)", "\\1 at offset 3");
    refuses(R"(a\Kb)", "\\K at offset 1");
    refuses(R"(\X)", "\\X");
    refuses(R"(\p{Klingon})", "the property 'Klingon'");
    refuses(R"(\pL)", "braces");
    refuses("[[:alpha:]]", "[:alpha:]");
    refuses("(?R)", "this kind of group");
    refuses("(?i)ss", "ligature");
    refuses("[b-a]", "this range");
    refuses("[a", "without an end");
    refuses("a{3,2}", "ends before it begins");
    refuses("a{1,70000}", "65535");
    refuses("*a", "a quantifier of nothing");
    refuses("a)", "unmatched");
    refuses(R"(\x{D800})", "number of a character");
    refuses("(?<=a+)b", "");
    refuses(std::string(300, '(') + std::string(300, ')'), "this deep");
}

TEST(Regex, IntersectsSetsAndReadsLinesAsTheReferenceDoes) {
    EXPECT_EQ(marked("[a-z&&[^aeiou]]+", "banana"), "[b]a[n]a[n]a");
    EXPECT_EQ(marked("^a", "a\na"), "[a]\n[a]");
    EXPECT_EQ(marked("a$", "a\na\n"), "[a]\n[a]\n");
    EXPECT_EQ(marked(R"(\h+)", "xface 9z"), "x[face] [9]z");
    EXPECT_EQ(marked(R"(\s)",
                     "a\xE1\xA0\x8E"
                     "b\xE2\x80\x83"
                     "c"),
              "a\xE1\xA0\x8E"
              "b[\xE2\x80\x83]c");  // U+180E is no space, U+2003 is
    EXPECT_EQ(marked("a{2}+", "aaaaa"), "[aaaa]a");
    EXPECT_EQ(marked("(?i)k", "kK\xE2\x84\xAA"), "[k][K][\xE2\x84\xAA]");
}

TEST(Regex, FindsEmptyMatchesBetweenCharacters) {
    EXPECT_EQ(marked("(?=b)",
                     "ab\xC3\xA9"
                     "b"),
              "a[]b\xC3\xA9[]b");
    EXPECT_EQ(marked("x*", "xa"), "[x]a[]");
    EXPECT_EQ(Regex("(?=b)").replace_all("abb", "-"), "a-b-b");
}

TEST(Regex, TellsManyKindsOfCharactersApart) {
    std::string all;
    for (char32_t c = 0x4E00; c < 0x4E00 + 240; ++c) {
        char text[16];
        std::snprintf(text, sizeof text, "\\x{%X}|", static_cast<unsigned>(c));
        all += text;
    }
    EXPECT_EQ(marked(all + "b", "ab"), "a[b]");
    refuses(
        all + all.replace(4, 1, "F") +
            R"(\x{5001}|\x{5002}|\x{5003}|\x{5004}|\x{5005}|\x{5006}|\x{5007}|\x{5008}|\x{5009}|\x{500A}|\x{500B}|\x{500C}|\x{500D}|\x{500E}|\x{500F}|\x{5010})",
        "kinds of characters");
}

TEST(Unicode, NormalisesAndLowers) {
    using unicode::Form;
    EXPECT_EQ(unicode::normalize(Form::kNfc, "e\xCC\x81"), "\xC3\xA9");
    EXPECT_EQ(unicode::normalize(Form::kNfd, "\xC3\xA9"), "e\xCC\x81");
    EXPECT_EQ(unicode::normalize(Form::kNfkc, "\xEF\xAC\x81"), "fi");
    EXPECT_EQ(unicode::normalize(Form::kNfkd, "\xC2\xBD"),
              "1\xE2\x81\x84"
              "2");
    EXPECT_EQ(unicode::normalize(Form::kNfc, std::string("a\0b", 3)), std::string("a\0b", 3));
    EXPECT_EQ(unicode::lowercase("\xC4\xB0\xCE\xA3\xE1\xBA\x9E"), "i\xCC\x87\xCF\x83\xC3\x9F");
    EXPECT_EQ(unicode::without("e\xCC\x81x", unicode::kMark), "ex");
    EXPECT_EQ(unicode::grapheme_length("e\xCC\x81x"), 3u);
}

}  // namespace
}  // namespace skald::rt
