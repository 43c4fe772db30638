// SPDX-License-Identifier: MIT
// Files of ranks: ids that tiktoken 0.12 gives with the same ranks and the two expressions, special
// tokens, and what is refused.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "expect_error.hpp"
#include "temporary_folder.hpp"
#include "test_models.hpp"
#include "tokenizer/tokenizer.hpp"
#include "tokenizers/tiktoken_tokenizer.hpp"

namespace skald::compiler {
namespace {

using Ids = std::vector<rt::TokenId>;

class Tiktoken : public ::testing::Test {
  protected:
    Tiktoken()
        : golden_(nlohmann::json::parse(std::ifstream(test::tokenizer_data("tiktoken.json")))) {}

    void put(const char* name, const std::string& text) {
        std::ofstream(folder_ / name, std::ios::binary) << text;
    }
    std::string ranks() const { return golden_["file"]; }
    void refused(const std::string& text, std::initializer_list<const char*> words) {
        put("tokenizer.model", text);
        test::expect_error([&] { load_tiktoken_tokenizer(folder_ / "tokenizer.model"); }, words);
    }

    nlohmann::json golden_;
    test::TemporaryFolder folder_;
};

TEST_F(Tiktoken, IdsAreThoseOfTheReference) {
    const std::vector<std::string> texts = golden_["texts"];
    for (const auto& one : golden_["cases"]) {
        SCOPED_TRACE(one["name"].get<std::string>());
        const auto* name = one["name"] == "kimi" ? "tiktoken.model" : "tokenizer.model";
        put(name, ranks());
        const rt::Tokenizer tokenizer(load_tiktoken_tokenizer(folder_ / name));
        for (std::size_t i = 0; i < texts.size(); ++i) {
            const Ids ids = one["ids"][i];
            EXPECT_EQ(tokenizer.encode(texts[i], {false, false}), ids) << texts[i];
            EXPECT_EQ(tokenizer.decode(ids), texts[i]);
        }
    }
}

TEST_F(Tiktoken, SpecialTokensStandBehindTheRanks) {
    put("tokenizer.model", ranks());
    const rt::Tokenizer llama(load_tiktoken_tokenizer(folder_ / "tokenizer.model"));
    const auto first = llama.bos_id();
    const Ids ids = llama.encode("hello<|eot_id|>");
    EXPECT_EQ(ids.front(), first);
    EXPECT_EQ(ids.back(), first + 9);
    EXPECT_TRUE(llama.is_eos(first + 9));
    EXPECT_EQ(llama.decode(ids), "hello");

    put("tiktoken.model", ranks());
    put("tokenizer_config.json",
        nlohmann::json{{"bos_token", "[BOS]"},
                       {"eos_token", "[EOS]"},
                       {"added_tokens_decoder",
                        {{std::to_string(first), {{"content", "[BOS]"}, {"special", true}}},
                         {std::to_string(first + 1), {{"content", "[EOS]"}, {"special", true}}}}}}
            .dump());
    const rt::Tokenizer kimi(load_tiktoken_tokenizer(folder_ / "tiktoken.model"));
    EXPECT_EQ(kimi.encode("[BOS]x"), (Ids{first, 'x'})) << "none is put before a text";
    EXPECT_TRUE(kimi.is_eos(first + 1));
}

TEST_F(Tiktoken, LinesThatAreNoRanksAreRefusedByNumber) {
    refused("", {"tokenizer.model", "no tokens"});
    refused("IQ== 0\nIg==\n", {"line 2", "rank"});
    refused("IQ== 0\nIg== x\n", {"line 2", "rank"});
    refused("IQ== 0\nIg== 1 \n", {"line 2", "rank"});
    refused("IQ== 0\n!! 1\n", {"line 2"});
    refused("IQ== 0\nIg== 0\n", {"line 2", "rank 0"});
    refused("IQ== 0\nIQ== 1\n", {"line 2", "another line"});
    refused("IQ== 0\nIg== 2\n", {"rank 1"});
    refused("IQ== 99999999\n", {"line 1", "rank 99999999", "2 lines"});
}

}  // namespace
}  // namespace skald::compiler
