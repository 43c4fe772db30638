// SPDX-License-Identifier: MIT
#include "tokenizer/tokenizer.hpp"

#include <gtest/gtest.h>

#include <random>

#include "specs.hpp"
#include "tokenizer/stream_decoder.hpp"

namespace skald::rt {
namespace {

using Ids = std::vector<TokenId>;
using test::find_piece;

const char* const kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

TEST(Tokenizer, EncodesWithPrefixAndSpace) {
    const TokenizerSpec spec = test::llama2();
    const Tokenizer t(spec);
    const TokenId hello = find_piece(spec, std::string(test::kMark) + "hello");
    EXPECT_EQ(t.encode("hello hello"), (Ids{1, hello, hello}));
    EXPECT_EQ(t.encode("hello", {.add_special = false}), (Ids{hello}));
    EXPECT_EQ(t.encode(""), (Ids{1}));
    EXPECT_EQ(t.decode(t.encode("hello hello")), "hello hello");
}

TEST(Tokenizer, CutsOutSpecialTokensUnlessTheTextIsOnlyText) {
    const TokenizerSpec spec = test::llama2();
    const Tokenizer t(spec);
    const TokenId hello = find_piece(spec, std::string(test::kMark) + "hello");
    EXPECT_EQ(t.encode("<s>hello</s>", {.add_special = false}), (Ids{1, hello, 2}));
    const Ids plain = t.encode("</s>", {.add_special = false, .parse_special = false});
    EXPECT_GT(plain.size(), 1u);
    EXPECT_EQ(t.decode(plain), "</s>");
}

TEST(Tokenizer, TakesTheLongestAddedTokenAndItsWhiteSpace) {
    TokenizerSpec spec = test::llama2();
    const TokenId a = test::add_piece(spec, "[x]", tokenizer::PieceKind::kUser);
    const TokenId b = test::add_piece(spec, "[x][y]", tokenizer::PieceKind::kUser);
    spec.added.push_back({a, 0});
    spec.added.push_back({b, tokenizer::kStripLeft | tokenizer::kStripRight});
    spec.normalize.clear();
    const Tokenizer t(spec);
    const auto letter = [&](const char* c) { return find_piece(spec, c); };
    EXPECT_EQ(t.encode("a  [x][y]\n b[x]c", {.add_special = false}),
              (Ids{letter("a"), b, letter("b"), a, letter("c")}));
    EXPECT_EQ(t.decode(Ids{letter("a"), b}), "a[x][y]");
}

TEST(Tokenizer, FindsNormalizedAddedTokensAfterNormalizing) {
    TokenizerSpec spec = test::llama2();
    spec.normalize = {{tokenizer::StepKind::kLowercase, 0, "", ""}};
    const TokenId tag = test::add_piece(spec, "TAG", tokenizer::PieceKind::kUser);
    spec.added.push_back({tag, tokenizer::kNormalized});
    const Tokenizer t(spec);
    EXPECT_EQ(t.encode("tagTag", {.add_special = false}), (Ids{tag, tag}));
}

TEST(Tokenizer, SpellsUnknownCharactersAsBytes) {
    const Tokenizer t(test::llama2());
    const std::string text = "\xC3\xA9\xE2\x82\xAC";
    const Ids ids = t.encode(text, {.add_special = false});
    EXPECT_EQ(ids, (Ids{259, 3 + 0xC3, 3 + 0xA9, 3 + 0xE2, 3 + 0x82, 3 + 0xAC}));
    EXPECT_EQ(t.decode(ids), text);
}

TEST(Tokenizer, ReadsBytesThatAreNotTextAsReplacementCharacters) {
    const Tokenizer t(test::byte_level(kGpt2));
    EXPECT_EQ(t.decode(t.encode("a\xFFz")), "a\xEF\xBF\xBDz");
}

TEST(Tokenizer, RoundTripsAnyText) {
    std::mt19937 random(3);
    const Tokenizer llama(test::llama2()), bytes(test::byte_level(kGpt2));
    for (int round = 0; round < 300; ++round) {
        std::string text;
        for (std::size_t n = random() % 30; n > 0; --n) {
            const char* parts[] = {" ",  "hello", "\n", "x'll", "\xC3\xA9", "\xF0\x9F\x98\x80",
                                   "42", "\t",    "!?", "<s"};
            text += parts[random() % std::size(parts)];
        }
        ASSERT_EQ(llama.decode(llama.encode(text)), text);
        ASSERT_EQ(bytes.decode(bytes.encode(text)), text);
    }
}

TEST(Tokenizer, LeavesOutWhatEndsAGenerationBehindAText) {
    TokenizerSpec spec = test::llama2();
    const TokenId tail = test::add_piece(spec, "<tail>", tokenizer::PieceKind::kControl);
    spec.suffix_ids = {tail, 2};
    const Tokenizer t(spec);
    EXPECT_EQ(t.encode("h"), (Ids{1, find_piece(spec, test::kMark), find_piece(spec, "h"), tail}));
    EXPECT_EQ(t.control_id("</s>"), 2u);
    EXPECT_EQ(t.control_id("hello"), tokenizer::kNoToken);
}

TEST(Tokenizer, DecodesAddedTokensThatSaySo) {
    TokenizerSpec spec = test::llama2();
    const std::string text = std::string(test::kMark) + "tag";
    const TokenId plain = test::add_piece(spec, text, tokenizer::PieceKind::kUser);
    const TokenId decoded = test::add_piece(spec, text + "s", tokenizer::PieceKind::kUser);
    spec.added.push_back({plain, 0});
    spec.added.push_back({decoded, tokenizer::kDecoded});
    const Tokenizer t(spec);
    EXPECT_EQ(t.decode(Ids{plain, decoded}), text + " tags");
}

TEST(Tokenizer, ReplacesCharactersAsSentencePieceDoes) {
    TokenizerSpec spec = test::llama2();
    const std::string pairs("ab\0x\0a\0y\0", 9);
    spec.normalize = {{tokenizer::StepKind::kCharMap, 0, pairs, ""}};
    const auto letter = [&](const char* c) { return find_piece(spec, c); };
    EXPECT_EQ(Tokenizer(spec).encode("abac", {.add_special = false}),
              (Ids{letter("x"), letter("y"), letter("c")}));
    spec.normalize[0].flags = tokenizer::kByGraphemes;
    EXPECT_EQ(Tokenizer(spec).encode("abac", {.add_special = false}),
              (Ids{letter("y"), letter("b"), letter("y"), letter("c")}));
    spec.normalize[0].a = std::string("a\0x", 3);
    EXPECT_THROW(Tokenizer{spec}, TokenizerError);
}

TEST(Tokenizer, NamesAnIdThatIsNotThere) {
    const Tokenizer t(test::llama2());
    try {
        t.piece_bytes(100'000);
        FAIL();
    } catch (const TokenizerError& e) {
        EXPECT_NE(std::string(e.what()).find("token 100000"), std::string::npos);
    }
}

TEST(Tokenizer, KnowsItsEndsOfSequence) {
    const Tokenizer t(test::llama2());
    EXPECT_TRUE(t.is_eos(2));
    EXPECT_FALSE(t.is_eos(1));
    EXPECT_FALSE(t.is_eos(1'000'000));
    EXPECT_EQ(t.bos_id(), 1u);
}

TEST(StreamDecoder, GivesOutWholeCharactersOnly) {
    const Tokenizer t(test::byte_level(kGpt2));
    StreamDecoder d(t);
    EXPECT_EQ(d.push('a'), "a");
    EXPECT_EQ(d.push(0xF0), "");
    EXPECT_EQ(d.push(0x9F), "");
    EXPECT_EQ(d.push(0x98), "");
    EXPECT_EQ(d.push(0x80), "\xF0\x9F\x98\x80");
    EXPECT_EQ(d.push(0xE2), "");
    EXPECT_EQ(d.push('b'),
              "\xEF\xBF\xBD"
              "b");
    EXPECT_EQ(d.push(0xC3), "");
    EXPECT_EQ(d.finish(), "\xEF\xBF\xBD");
    EXPECT_EQ(d.finish(), "");
}

TEST(StreamDecoder, TakesTheAddedSpaceAwayOnceAtTheStart) {
    const TokenizerSpec spec = test::llama2();
    const Tokenizer t(spec);
    const TokenId mark = find_piece(spec, test::kMark), h = find_piece(spec, "h");
    StreamDecoder d(t);
    EXPECT_EQ(d.push(1), "");  // <s> is no text
    EXPECT_EQ(d.push(mark), "");
    EXPECT_EQ(d.push(mark), " ");
    EXPECT_EQ(d.push(h), "h");
    EXPECT_EQ(d.push(mark), " ");
}

TEST(StreamDecoder, ShowsControlTokensOnlyIfAsked) {
    const Tokenizer t(test::byte_level(kGpt2));
    EXPECT_EQ(StreamDecoder(t).push(256), "");
    EXPECT_EQ(StreamDecoder(t, true).push(256), "<|end|>");
}

}  // namespace
}  // namespace skald::rt
