// SPDX-License-Identifier: MIT
// tekken.json: ids against byte pairs merged by rank as its definition says, and what is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "expect_error.hpp"
#include "fixture.hpp"
#include "temporary_folder.hpp"
#include "tokenizer/tokenizer.hpp"
#include "tokenizers/tekken_tokenizer.hpp"

namespace skald::compiler {
namespace {

using Ids = std::vector<rt::TokenId>;
using test::Json;

std::string base64(const std::string& bytes) {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t three = 0;
        for (std::size_t j = 0; j < 3; ++j)
            three =
                three << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
        for (std::size_t j = 0; j < 4; ++j)
            out += i + j > bytes.size() ? '=' : kDigits[three >> (18 - 6 * j) & 63];
    }
    return out;
}

constexpr rt::TokenId kSpecials = 24;

class Tekken : public ::testing::Test {
  protected:
    Tekken() {
        for (int byte = 0; byte < 256; ++byte)
            ranks_.push_back(std::string(1, static_cast<char>(byte)));
        for (const char* more : {"an", "na", "th", " t", "he", "the", " the", "nan", "ana", "anan",
                                 "banana", "\xC3\xA4", "\xE2\x82", "\xE2\x82\xAC", " b", "ab"})
            ranks_.push_back(more);
        file_["config"] = {{"pattern", R"( ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+)"},
                           {"num_vocab_tokens", ranks_.size() + 1},
                           {"default_vocab_size", ranks_.size() + kSpecials},
                           {"default_num_special_tokens", kSpecials},
                           {"version", "v3"}};
        for (std::size_t rank = 0; rank < ranks_.size(); ++rank)
            file_["vocab"].push_back(
                {{"rank", rank}, {"token_bytes", base64(ranks_[rank])}, {"token_str", nullptr}});
        // One more than the model has rows for.
        file_["vocab"].push_back(
            {{"rank", ranks_.size()}, {"token_bytes", base64("ban")}, {"token_str", "ban"}});
    }
    rt::TokenizerSpec spec() {
        std::ofstream(folder_ / "tekken.json") << file_;
        return load_tekken_tokenizer(folder_ / "tekken.json");
    }
    void refused(std::initializer_list<const char*> words) {
        test::expect_error([&] { spec(); }, words);
    }
    // Of one word: the pair of least rank first, of equal ones the left one, until there is none.
    Ids by_rank(const std::string& word) const {
        const auto rank = [&](const std::string& s) {
            return std::find(ranks_.begin(), ranks_.end(), s) - ranks_.begin();
        };
        const auto none = static_cast<std::ptrdiff_t>(ranks_.size());
        std::vector<std::string> parts;
        for (const char c : word)
            parts.emplace_back(1, c);
        if (rank(word) != none)
            parts = {word};
        for (;;) {
            std::ptrdiff_t best = none;
            std::size_t at = 0;
            for (std::size_t i = 0; i + 1 < parts.size(); ++i)
                if (const auto r = rank(parts[i] + parts[i + 1]); r < best)
                    best = r, at = i;
            if (best == none)
                break;
            parts[at] += parts[at + 1];
            parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
        }
        Ids ids;
        for (const std::string& part : parts)
            ids.push_back(kSpecials + static_cast<rt::TokenId>(rank(part)));
        return ids;
    }

    const test::TemporaryFolder folder_;
    std::vector<std::string> ranks_;
    Json file_;
};

TEST_F(Tekken, MergesTheLowestRankFirst) {
    const rt::Tokenizer tokenizer(spec());
    std::mt19937 random(7);
    const std::vector<std::string> letters{"a", "n", "b", "t", "h", "e", "\xC3\xA4"};
    for (int text = 0; text < 500; ++text) {
        std::string word = text % 3 == 0 ? " " : "";
        const std::size_t length = 1 + random() % 12;
        for (std::size_t i = 0; i < length; ++i)
            word += letters[random() % letters.size()];
        Ids want = by_rank(word);
        want.insert(want.begin(), 1);
        ASSERT_EQ(tokenizer.encode(word), want) << word;
        ASSERT_EQ(tokenizer.decode(want), word);
    }
}

TEST_F(Tekken, TakesAWholeWordThatIsAToken) {
    // No merges lead to it: "ban" is beyond the rows of the model.
    EXPECT_EQ(rt::Tokenizer(spec()).encode("banana"), (Ids{1, kSpecials + 266}));
}

TEST_F(Tekken, PutsSpecialTokensBeforeTheVocabulary) {
    const rt::Tokenizer old(spec());
    EXPECT_EQ(old.bos_id(), 1u);
    EXPECT_EQ(Ids(old.eos_ids().begin(), old.eos_ids().end()), (Ids{2}));
    EXPECT_EQ(old.encode("[INST]a[/INST]<SPECIAL_23>"), (Ids{1, 3, kSpecials + 'a', 4, 23}));
    EXPECT_EQ(old.size(), kSpecials + ranks_.size());

    file_["config"]["version"] = "v11";
    refused({"tekken.json", "special_tokens", "missing"});
    file_["special_tokens"] = {{{"rank", 1}, {"token_str", "<s>"}, {"is_control", true}},
                               {{"rank", 5}, {"token_str", "</s>"}, {"is_control", true}},
                               {{"rank", 0}, {"token_str", "[THINK]"}, {"is_control", false}}};
    const rt::Tokenizer newer(spec());
    EXPECT_EQ(newer.encode("[THINK]</s><SPECIAL_3>"), (Ids{1, 0, 5, 3}));
    EXPECT_EQ(newer.decode(Ids{0, 5, kSpecials + 'b'}), "[THINK]b");
}

TEST_F(Tekken, IsRefusedWithThePlaceOfAMistake) {
    const Json good = file_;
    const auto broken = [&](auto change, std::initializer_list<const char*> words) {
        file_ = good;
        change(file_);
        refused(words);
    };
    broken([](Json& j) { j.erase("config"); }, {"tekken.json", "config"});
    broken([](Json& j) { j["config"]["version"] = "7"; }, {"config.version", "\"7\""});
    broken([](Json& j) { j["config"]["default_vocab_size"] = 20; }, {"default_num_special_tokens"});
    broken([](Json& j) { j["config"]["default_vocab_size"] = 1u << 25; },
           {"default_vocab_size", "2^24"});
    broken([](Json& j) { j["config"]["default_num_special_tokens"] = 1u << 17; },
           {"default_num_special_tokens", "65536"});
    broken(
        [](Json& j) {
            j["config"]["default_num_special_tokens"] = 8, j["config"]["default_vocab_size"] = 280;
        },
        {"is 8, below the 20"});
    broken([](Json& j) { j["config"]["pattern"] = "(["; }, {"config.pattern", "cannot be used"});
    broken([](Json& j) { j["vocab"].erase(7); }, {"vocab", "271 of the 272"});
    broken([](Json& j) { j["config"]["default_vocab_size"] = 1u << 20; }, {"vocab", "273 of the"});
    broken([](Json& j) { j["vocab"][7]["rank"] = 8; }, {"vocab[8].rank", "another"});
    broken([](Json& j) { j["vocab"][7]["token_bytes"] = "CA=="; }, {"vocab[8].token_bytes"});
    broken([](Json& j) { j["vocab"][7]["token_bytes"] = "!"; }, {"vocab[7].token_bytes", "base64"});
    broken([](Json& j) { j["vocab"][7]["token_bytes"] = ""; }, {"vocab[7].token_bytes", "base64"});
    broken([](Json& j) { j["special_tokens"] = {{{"rank", 30}, {"token_str", "x"}}}; },
           {"special_tokens[0].rank", "24"});
    broken([](Json& j) { j["special_tokens"] = {{{"rank", 1}, {"token_str", ""}}}; },
           {"special_tokens[0].token_str"});
    broken([](Json& j) { j["special_tokens"] = {{{"rank", 1}, {"token_str", "x"}}}; }, {"no <s>"});
}

}  // namespace
}  // namespace skald::compiler
