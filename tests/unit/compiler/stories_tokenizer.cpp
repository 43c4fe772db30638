// SPDX-License-Identifier: MIT
// The tokenizers of a real model, in its three source formats, against the reference ids.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "model/model.hpp"
#include "test_models.hpp"
#include "tokenizer/tokenizer.hpp"

namespace skald::compiler {
namespace {

class StoriesTokenizer : public ::testing::TestWithParam<const char*> {};

TEST_P(StoriesTokenizer, GivesTheReferenceIdsAndText) {
    SKALD_NEED_MODEL(folder, "stories260k");
    const rt::Tokenizer tokenizer(load_model(folder / GetParam()).tokenizer);
    std::ifstream file(folder / "reference.json");
    const auto reference = nlohmann::json::parse(file);
    for (const auto& [prompt, expected] : reference["greedy"].items()) {
        std::vector<rt::TokenId> ids = expected["prompt_ids"];
        EXPECT_EQ(tokenizer.encode(prompt), ids) << prompt;
        const std::vector<rt::TokenId> more = expected["ids"];
        ids.insert(ids.end(), more.begin(), more.end());
        EXPECT_EQ(tokenizer.decode(ids), expected["text"].get<std::string>());
        EXPECT_EQ(tokenizer.encode(expected["text"].get<std::string>()), ids);
    }
}

TEST_P(StoriesTokenizer, FallsBackToBytesForTextItHasNoPiecesFor) {
    SKALD_NEED_MODEL(folder, "stories260k");
    const rt::Tokenizer tokenizer(load_model(folder / GetParam()).tokenizer);
    const std::string text = "\xF0\x9F\x98\x80 caf\xC3\xA9";
    const std::vector<rt::TokenId> smile{410, 3 + 0xF0, 3 + 0x9F, 3 + 0x98, 3 + 0x80};
    const auto ids = tokenizer.encode(text, {.add_special = false});
    ASSERT_GE(ids.size(), smile.size());
    EXPECT_EQ(std::vector(ids.begin(), ids.begin() + 5), smile);
    EXPECT_EQ(tokenizer.decode(ids), text);
}

INSTANTIATE_TEST_SUITE_P(Sources, StoriesTokenizer,
                         ::testing::Values(".", "stories260K-f32.gguf", "stories260K-q8_0.gguf"),
                         [](const auto& instance) { return test::name_of_source(instance.param); });

}  // namespace
}  // namespace skald::compiler
