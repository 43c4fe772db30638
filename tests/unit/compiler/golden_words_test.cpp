// SPDX-License-Identifier: MIT
// Normalisers and pre-tokenisers of tokenizer.json files as Hugging Face's library executes them:
// for each the words of some texts, with which the fewest classes of characters agree by accident.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "input/json.hpp"
#include "test_models.hpp"
#include "tokenizer/steps.hpp"
#include "tokenizers/hf_steps.hpp"

namespace skald::compiler {
namespace {

struct Cutter {
    explicit Cutter(const nlohmann::json& golden) {
        const JsonObject file("golden", "", golden);
        Steps normalize, pre_tokenize;
        read_hf_normalizer(file, normalize);
        read_hf_pre_tokenizer(file, pre_tokenize);
        normalizer.emplace(normalize);
        pre_tokenizer.emplace(pre_tokenize);
    }
    std::vector<std::string> words(const std::string& text) const {
        return pre_tokenizer->apply(normalizer->apply(text), true);
    }

    std::optional<rt::Normalizer> normalizer;
    std::optional<rt::PreTokenizer> pre_tokenizer;
};

TEST(GoldenWords, AreThoseOfTheReference) {
    std::ifstream file(test::tokenizer_data("words.json"));
    const auto golden = nlohmann::json::parse(file);
    const std::vector<std::string> texts = golden["texts"];
    for (const auto& one : golden["cases"]) {
        const Cutter cutter(one);
        for (std::size_t i = 0; i < texts.size(); ++i)
            EXPECT_EQ(cutter.words(texts[i]), one["words"][i].get<std::vector<std::string>>())
                << one["name"] << " on " << nlohmann::json(texts[i]);
    }
}

}  // namespace
}  // namespace skald::compiler
