// SPDX-License-Identifier: MIT
// The tokenizers of all model families that are there, against ids of the reference
// implementations. Only the tokenizer of each is loaded.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "input/gguf.hpp"
#include "test_models.hpp"
#include "tokenizer/tokenizer.hpp"
#include "tokenizers/gguf_tokenizer.hpp"
#include "tokenizers/hf_tokenizer.hpp"

namespace skald::compiler {
namespace {

namespace fs = std::filesystem;

nlohmann::json read(const fs::path& path) {
    std::ifstream file(path);
    return nlohmann::json::parse(file);
}

// What the files' references say of prompts, and of a text whose negative log-likelihood is known.
void expect_ids(const rt::Tokenizer& tokenizer, const nlohmann::json& reference) {
    for (const auto& prompt : reference["prompts"])
        EXPECT_EQ(tokenizer.encode(prompt["text"].get<std::string>()),
                  prompt["ids"].get<std::vector<rt::TokenId>>())
            << prompt["text"];
    const auto& nll = reference["nll"];
    EXPECT_EQ(tokenizer.encode(nll["text"].get<std::string>()),
              nll["ids"].get<std::vector<rt::TokenId>>());
}

TEST(ReferenceTokenizers, OfFolders) {
    SKALD_NEED_MODEL(folder, "families");
    unsigned seen = 0;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (!fs::exists(entry.path() / "reference.json"))
            continue;
        SCOPED_TRACE(entry.path().filename().string());
        const rt::Tokenizer tokenizer(load_hf_tokenizer(entry.path() / "tokenizer.json"));
        expect_ids(tokenizer, read(entry.path() / "reference.json"));
        ++seen;
    }
    EXPECT_GT(seen, 0u);
}

TEST(ReferenceTokenizers, OfGgufFiles) {
    SKALD_NEED_MODEL(folder, "gguf");
    unsigned seen = 0;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().extension() != ".gguf")
            continue;
        SCOPED_TRACE(entry.path().filename().string());
        const rt::Tokenizer tokenizer(load_gguf_tokenizer(Gguf(entry.path())));
        expect_ids(tokenizer, read(fs::path(entry.path()).replace_extension(".json")));
        ++seen;
    }
    EXPECT_GT(seen, 0u);
}

}  // namespace
}  // namespace skald::compiler
