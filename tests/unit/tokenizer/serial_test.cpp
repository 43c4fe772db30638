// SPDX-License-Identifier: MIT
// The byte form of a tokenizer: nothing is lost, and no bytes whatever do harm.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "specs.hpp"
#include "tokenizer/tokenizer.hpp"

namespace skald::rt {
namespace {

using Bytes = std::vector<std::byte>;

// An error or a tokenizer that works.
void try_to_use(const Bytes& bytes) {
    try {
        const Tokenizer t{std::span<const std::byte>(bytes)};
        t.decode(t.encode("hello \xC3\xA9 <s>x"));
    } catch (const TokenizerError& e) {
        EXPECT_NE(std::string(e.what()), "");
    }
}

TEST(TokenizerSection, KeepsEverything) {
    TokenizerSpec unigram = test::llama2();
    unigram.algorithm = tokenizer::Algorithm::kUnigram;
    unigram.merges.clear();
    unigram.pieces.back().score = -1.5f;
    using enum tokenizer::StepKind;
    unigram.normalize = {{kNormalForm, tokenizer::kNfkd, "", ""},
                         {kStripMarks, tokenizer::kNonspacingOnly, "", ""},
                         {kCharMap, 0, std::string("a\0b\0", 4), ""}};
    unigram.added[0].flags |= tokenizer::kDecoded;
    for (const TokenizerSpec& spec : {test::llama2(), test::byte_level("\\s+|\\S+"), unigram}) {
        const Bytes bytes = serialize(spec);
        EXPECT_EQ(serialize(parse(bytes)), bytes);
    }
}

TEST(TokenizerSection, IsNeverReadBeyondItsEnd) {
    const Bytes bytes = serialize(test::llama2());
    for (std::size_t n = 0; n < bytes.size(); ++n) {
        const Bytes prefix(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
        EXPECT_THROW(parse(prefix), TokenizerError) << n;
    }
}

TEST(TokenizerSection, SurvivesRandomDamage) {
    const Bytes good = serialize(test::llama2());
    std::mt19937 random(11);
    for (int round = 0; round < 3000; ++round) {
        Bytes bytes = good;
        for (unsigned flips = random() % 4 + 1; flips > 0; --flips)
            bytes[random() % (round % 2 ? bytes.size() : 128)] ^= std::byte(1u << random() % 8);
        try_to_use(bytes);
    }
}

TEST(TokenizerSection, RefusesIdsThatAreNotThere) {
    const auto refused = [](auto change, const char* word) {
        TokenizerSpec spec = test::llama2();
        change(spec);
        try {
            serialize(spec);
            ADD_FAILURE() << word;
        } catch (const TokenizerError& e) {
            EXPECT_NE(std::string(e.what()).find(word), std::string::npos) << e.what();
        }
    };
    refused([](auto& s) { s.merges[0].result = 9999; }, "merge");
    refused([](auto& s) { s.added[0].id = 9999; }, "added token");
    refused([](auto& s) { s.added[0].flags = 1u << 20; }, "flags");
    refused([](auto& s) { s.prefix_ids = {9999}; }, "prefix");
    refused([](auto& s) { s.eos_ids = {9999}; }, "end-of-sequence");
    refused([](auto& s) { s.unknown_id = 9999; }, "unknown token");
    refused([](auto& s) { s.flags = 1u << 9; }, "flags");
    refused([](auto& s) { s.pieces[5].text = "<0xZZ>"; }, "byte");
    refused([](auto& s) { s.pieces[280].text.assign(70'000, 'x'); }, "65535");
    refused([](auto& s) { s.normalize[0].kind = tokenizer::StepKind::kByteTokens; }, "step");
    refused([](auto& s) { s.normalize[0].a = ""; }, "empty pattern");
    refused([](auto& s) { s.normalize = {{tokenizer::StepKind::kNormalForm, 5, "", ""}}; },
            "unknown form 5");
    refused([](auto& s) { s.normalize = {{tokenizer::StepKind::kStripMarks, 2, "", ""}}; },
            "unknown flags");
    // Half a character in a text made later steps read beyond it.
    refused([](auto& s) { s.normalize[0].a = "\xFF\x96\x81"; }, "not UTF-8");
    refused([](auto& s) { s.normalize[1].b = "\xE2\x96"; }, "not UTF-8");
    refused([](auto& s) { s.pieces[s.added[0].id].text = "\xA9"; }, "added token 0");
}

}  // namespace
}  // namespace skald::rt
