// SPDX-License-Identifier: MIT
// tokenizer.model: small models trained and executed by SentencePiece 0.2.2 (its trainer with the
// options that the names say; the rules are seven, among them one that deletes and one that the
// user's symbol is safe from), and what files beside it add.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "expect_error.hpp"
#include "temporary_folder.hpp"
#include "test_models.hpp"
#include "tokenizer/tokenizer.hpp"
#include "tokenizers/char_map.hpp"
#include "tokenizers/sentencepiece_file.hpp"
#include "tokenizers/sentencepiece_tokenizer.hpp"

namespace skald::compiler {
namespace {

using Ids = std::vector<rt::TokenId>;

const nlohmann::json& golden() {
    static const auto json =
        nlohmann::json::parse(std::ifstream(test::tokenizer_data("sentencepiece.json")));
    return json;
}

std::string model(std::string_view name) {
    for (const auto& one : golden()["cases"])
        if (one["name"] == name)
            return from_base64(one["model"], "golden");
    return {};
}

class SentencePiece : public ::testing::Test {
  protected:
    void put(const char* name, const std::string& bytes) {
        std::ofstream(folder_ / name, std::ios::binary) << bytes;
    }
    rt::TokenizerSpec load() { return load_sentencepiece_tokenizer(folder_ / "tokenizer.model"); }
    void refused(const std::string& bytes, std::initializer_list<const char*> words) {
        put("tokenizer.model", bytes);
        test::expect_error([&] { load(); }, words);
    }

    test::TemporaryFolder folder_;
};

TEST_F(SentencePiece, IdsAndTextsAreThoseOfTheReference) {
    const std::vector<std::string> texts = golden()["texts"];
    for (const auto& one : golden()["cases"]) {
        SCOPED_TRACE(one["name"].get<std::string>());
        put("tokenizer.model", from_base64(one["model"], "golden"));
        const rt::Tokenizer tokenizer(load());
        for (std::size_t i = 0; i < texts.size(); ++i) {
            const Ids ids = one["ids"][i];
            EXPECT_EQ(tokenizer.encode(texts[i], {false, false}), ids) << texts[i];
            EXPECT_EQ(tokenizer.decode(ids), one["decoded"][i].get<std::string>()) << texts[i];
        }
    }
}

TEST_F(SentencePiece, TextsBeginWithBosAndOneSpaceAndEndAtEos) {
    put("tokenizer.model", model("bpe_bytes"));
    const rt::Tokenizer tokenizer(load());
    EXPECT_EQ(tokenizer.bos_id(), 1u);
    EXPECT_TRUE(tokenizer.is_eos(2));
    Ids hello = tokenizer.encode("hello", {false, true});
    Ids both = tokenizer.encode("hello</s>hello");
    ASSERT_EQ(both.size(), 2 * hello.size() + 2 + 1) << "the second one has no space before it";
    EXPECT_EQ(both.front(), 1u);
    EXPECT_EQ(Ids(both.begin() + 1, both.begin() + 1 + static_cast<int>(hello.size())), hello);
    EXPECT_EQ(both[1 + hello.size()], 2u);
}

TEST_F(SentencePiece, WithoutBosNoneIsPutBeforeATextAndTheConfigurationDecides) {
    put("tokenizer.model", model("bpe_no_space"));
    EXPECT_TRUE(load().prefix_ids.empty());
    put("tokenizer.model", model("bpe_bytes"));
    put("tokenizer_config.json", R"({"add_bos_token": false, "bos_token": "<s>"})");
    EXPECT_TRUE(load().prefix_ids.empty());
    put("tokenizer_config.json", R"({"bos_token": "<s>"})");
    EXPECT_EQ(load().prefix_ids, Ids{1});
}

TEST_F(SentencePiece, FilesBesideItAddTokens) {
    put("tokenizer.model", model("bpe_bytes"));
    const auto first = static_cast<rt::TokenId>(load().pieces.size());
    put("added_tokens.json",
        nlohmann::json{{"<|im_start|>", first}, {"<|im_end|>", first + 1}}.dump());
    put("tokenizer_config.json",
        R"({"eos_token": "<|im_end|>", "additional_special_tokens": ["<|im_start|>"]})");
    const rt::Tokenizer tokenizer(load());
    const Ids ids = tokenizer.encode("<|im_start|>hello<|im_end|>", {false, true});
    EXPECT_EQ(ids.front(), first);
    EXPECT_EQ(ids.back(), first + 1);
    EXPECT_TRUE(tokenizer.is_eos(first + 1));
    EXPECT_EQ(tokenizer.decode(ids), "hello");
}

TEST_F(SentencePiece, WhatIsNoModelIsRefused) {
    refused("", {"tokenizer.model", "no pieces"});
    refused("hello", {"tokenizer.model", "byte"});
    std::string cut = model("bpe_rules");
    cut.resize(cut.size() / 2);
    refused(cut, {"tokenizer.model", "byte", "needs"});
    refused(
        "\x0a\x07\x0a\x01"
        "a"
        "\x18\x09\x20\x20",
        {"piece 0", "type 9"});
    refused(
        "\x0a\x03\x0a\x01"
        "a"
        "\x12\x02\x18\x03",
        {"word model", "not supported"});
    refused(
        "\x0a\x03\x0a\x01"
        "a"
        "\x12\x03\xc0\x01\x01",
        {"treat_whitespace_as_suffix", "not supported"});
    refused(
        "\x0a\x03\x0a\x01"
        "a"
        "\x12\x03\xc8\x02\x09",
        {"bos_id", "9", "1 pieces"});
}

TEST_F(SentencePiece, ARankedVocabularyIsNotTakenForOne) {
    const std::string ranks = "IQ== 0\nIg== 1\n";
    EXPECT_FALSE(is_sentencepiece(std::as_bytes(std::span(ranks))));
    const std::string pieces = model("bpe_bytes");
    EXPECT_TRUE(is_sentencepiece(std::as_bytes(std::span(pieces))));
}

}  // namespace
}  // namespace skald::compiler
