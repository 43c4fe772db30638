// SPDX-License-Identifier: MIT
// A real model, compiled from each source format, against a float32 evaluation.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "compile.hpp"
#include "compiled.hpp"
#include "decoder.hpp"
#include "temporary_folder.hpp"
#include "test_models.hpp"

namespace skald::compiler {
namespace {

constexpr std::uint32_t kSure = 40;  // tokens over which the best one wins by enough for int8

nlohmann::json reference(const std::filesystem::path& folder) {
    std::ifstream file(folder / "reference.json");
    return nlohmann::json::parse(file);
}

class StoriesProgram : public ::testing::TestWithParam<const char*> {
  protected:
    std::filesystem::path compiled(const std::filesystem::path& folder,
                                   WeightChoice weights = WeightChoice::kKeep) {
        const auto out = temporary_ / "model.skald";
        CompileOptions options;
        options.weights = weights;
        test::compile_source(folder / GetParam(), options, out);
        return out;
    }
    test::TemporaryFolder temporary_;
};

TEST_P(StoriesProgram, ContinuesTheReferencePromptsAsOneBatch) {
    SKALD_NEED_MODEL(folder, "stories260k");
    test::Decoder decoder(compiled(folder));
    std::vector<std::vector<std::uint32_t>> prompts, expected;
    const auto json = reference(folder);
    for (const auto& [prompt, r] : json["greedy"].items()) {
        prompts.push_back(r["prompt_ids"]);
        expected.push_back(r["ids"]);
        expected.back().resize(kSure);
    }
    ASSERT_EQ(prompts.size(), 2u);
    EXPECT_EQ(decoder.generate(prompts, kSure, {.chunk = 3, .budget = 7}), expected);
    EXPECT_GE(decoder.jobs(), kSure / 7);
}

TEST_P(StoriesProgram, ScoresTheReferenceTextWithinOnePercent) {
    SKALD_NEED_MODEL(folder, "stories260k");
    test::Decoder decoder(compiled(folder));
    const auto nll = reference(folder)["nll"];
    const std::vector<std::uint32_t> ids = nll["ids"];
    const double expected = nll["nll"];
    EXPECT_NEAR(decoder.nll(ids, {}), expected, expected * 0.01);
}

// Blocks of 32, embedding and head int8; a plain int4 of everything costs 10 to 12 %.
TEST_P(StoriesProgram, ScoresTheReferenceTextWithinEightPercentInInt4) {
    SKALD_NEED_MODEL(folder, "stories260k");
    test::Decoder decoder(compiled(folder, WeightChoice::kInt4));
    const auto nll = reference(folder)["nll"];
    const std::vector<std::uint32_t> ids = nll["ids"];
    const double expected = nll["nll"];
    EXPECT_NEAR(decoder.nll(ids, {}), expected, expected * 0.08);
}

INSTANTIATE_TEST_SUITE_P(Sources, StoriesProgram,
                         ::testing::Values(".", "stories260K-f32.gguf", "stories260K-q8_0.gguf"),
                         [](const auto& instance) { return test::name_of_source(instance.param); });

}  // namespace
}  // namespace skald::compiler
