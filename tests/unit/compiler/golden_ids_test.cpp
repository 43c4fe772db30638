// SPDX-License-Identifier: MIT
// Small tokenizer.json files of each kind of vocabulary, with the ids and texts that Hugging Face's
// library makes of some texts.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "temporary_folder.hpp"
#include "test_models.hpp"
#include "tokenizer/tokenizer.hpp"
#include "tokenizers/hf_tokenizer.hpp"

namespace skald::compiler {
namespace {

using Ids = std::vector<rt::TokenId>;

TEST(GoldenIds, AreThoseOfTheReference) {
    std::ifstream file(test::tokenizer_data("ids.json"));
    const auto golden = nlohmann::json::parse(file);
    const std::vector<std::string> texts = golden["texts"];
    const test::TemporaryFolder folder;
    for (const auto& one : golden["cases"]) {
        SCOPED_TRACE(one["name"].get<std::string>());
        std::ofstream(folder / "tokenizer.json") << one["tokenizer"];
        const rt::Tokenizer tokenizer(load_hf_tokenizer(folder / "tokenizer.json"));
        for (std::size_t i = 0; i < texts.size(); ++i) {
            Ids ids = one["ids"][i];
            EXPECT_EQ(tokenizer.decode(ids), one["decoded"][i].get<std::string>());
            if (one["name"] == "unknown") {
                ASSERT_EQ(ids.back(), 2u);  // </s>: a prompt goes on without it
                ids.pop_back();
            }
            EXPECT_EQ(tokenizer.encode(texts[i]), ids) << nlohmann::json(texts[i]);
        }
    }
}

}  // namespace
}  // namespace skald::compiler
