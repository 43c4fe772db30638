// SPDX-License-Identifier: MIT
#include "tokenizer/utf8.hpp"

#include <gtest/gtest.h>

#include "tokenizer/byte_level.hpp"

namespace skald::rt {
namespace {

TEST(Utf8, KeepsEveryScalarValue) {
    for (char32_t c = 0; c <= 0x10FFFF; c += c < 0x3000 ? 1 : 97) {
        if (c >= 0xD800 && c <= 0xDFFF)
            continue;
        const std::string text = utf8::encode(c);
        const utf8::Scan s = utf8::scan(text);
        ASSERT_EQ(s.prefix, utf8::Prefix::kWhole) << static_cast<unsigned>(c);
        ASSERT_EQ(s.length, text.size());
    }
}

TEST(Utf8, TellsTruncatedFromInvalid) {
    const std::string smile = "\xF0\x9F\x98\x80";
    for (std::size_t n = 1; n < smile.size(); ++n) {
        const utf8::Scan s = utf8::scan(std::string_view(smile).substr(0, n));
        EXPECT_EQ(s.prefix, utf8::Prefix::kIncomplete);
        EXPECT_EQ(s.length, n);
    }
    for (const char* bad :
         {"\x80", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF", "\xC3("})
        EXPECT_EQ(utf8::scan(bad).prefix, utf8::Prefix::kInvalid) << bad;
}

TEST(Utf8, ReplacesEachIllFormedRunOnce) {
    EXPECT_EQ(utf8::sanitize("a\xF0\x9F\x98z\xFFz\xE2\x82"),
              "a\xEF\xBF\xBDz\xEF\xBF\xBDz\xEF\xBF\xBD");
    EXPECT_EQ(utf8::sanitize("caf\xC3\xA9"), "caf\xC3\xA9");
}

TEST(Utf8, TrimsUnicodeWhiteSpace) {
    EXPECT_EQ(utf8::trim_left(" \t\xE3\x80\x80x "), "x ");
    EXPECT_EQ(utf8::trim_right(" x\xC2\xA0\n"), " x");
    EXPECT_EQ(utf8::trim_right(" \n"), "");
}

TEST(ByteLevel, IsAOneToOneAlphabet) {
    std::string bytes;
    for (int b = 0; b < 256; ++b)
        bytes += static_cast<char>(b);
    const std::string text = byte_level::encode(bytes);
    EXPECT_EQ(byte_level::decode(text), bytes);
    EXPECT_EQ(byte_level::encode(" a\n"),
              "\xC4\xA0"
              "a\xC4\x8A");
    EXPECT_EQ(byte_level::decode("\xE2\x96\x81"), std::nullopt);
}

}  // namespace
}  // namespace skald::rt
