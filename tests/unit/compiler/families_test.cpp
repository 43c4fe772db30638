// SPDX-License-Identifier: MIT
// Every family: tiny models of it compile, and what the program computes on the card is what the
// graph means.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "check/check.hpp"
#include "compile.hpp"
#include "family_fixtures.hpp"
#include "model/config_file.hpp"
#include "model/family.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

using test::Json;

// Longer than the windows of the fixtures, and than what they were trained for before stretching.
const char* const kText =
    "a b c d e f g h i j k l m n o p q r s t u v w x y z aa ab ac ad ae af ag ah ai aj ak al";

// One with which no token is so near to two experts that a cache in sixteen bits decides.
constexpr std::uint64_t kSeed = 4;

TEST(FamilyFixtures, AreThereForEveryModelTypeThatCompiles) {
    std::set<std::string> types;
    for (const std::string& name : test::family_fixtures())
        types.insert(ConfigFile(test::family_fixture(name)).model_type());
    for (const Family& family : families())
        for (const std::string_view type : family.model_types) {
            if (!family.needs.empty())
                continue;
            // Both are read by one describe(), "gemma3" being the name of the larger whole.
            if (type == "gemma3")
                continue;
            EXPECT_TRUE(types.contains(std::string(type)))
                << "no fixture has model_type " << type << " of family " << family.name;
        }
}

// transformers' and DeepSeek's own code have -inf there. A bias makes choices that 0 would beat.
TEST(DeepSeekV3, NeverChoosesAnExpertOfAGroupThatIsNotKept) {
    const DecoderSpec d = test::random_model(test::family_config("deepseek-v3")).spec;
    const Experts* experts = nullptr;
    for (const Layer& layer : d.layers)
        if (const auto* e = std::get_if<Experts>(&layer.ffn))
            experts = e;
    ASSERT_NE(experts, nullptr);
    EXPECT_TRUE(experts->group_sum2);
    EXPECT_TRUE(experts->mask_out);
}

// As transformers and DeepSeek's own code have it; Moonlight's file says 1e-5.
TEST(DeepSeekV3, KeepsTheEpsilonOfTheNormsOfLowRank) {
    Json config = test::family_config("deepseek-v3");
    config["rms_norm_eps"] = 0.5;
    for (const Layer& layer : test::random_model(config).spec.layers) {
        const auto& attention = std::get<Attention>(layer.mixer);
        EXPECT_EQ(layer.mixer_in.eps, 0.5f);
        EXPECT_EQ(attention.q_low_norm.eps, 1e-6f);
        EXPECT_EQ(attention.latent_norm.eps, 1e-6f);
    }
}

// The configurations of all Gemmas have the switches; transformers looks at them by generation.
TEST(Gemma, CapsWhatItsGenerationCaps) {
    const auto capped = [](const char* name) {
        Json config = test::family_config(name);
        test::language_model(config)["attn_logit_softcapping"] = 7.0;
        test::language_model(config)["final_logit_softcapping"] = 9.0;
        const DecoderSpec d = test::random_model(config).spec;
        return std::pair(std::get<Attention>(d.layers.at(0).mixer).soft_cap, d.logit_cap);
    };
    EXPECT_EQ(capped("gemma"), std::pair(0.0f, 0.0f));
    EXPECT_EQ(capped("gemma2"), std::pair(7.0f, 9.0f));
    EXPECT_EQ(capped("gemma3"), std::pair(0.0f, 9.0f));
}

TEST(Gpt2, DividesScoresByTheNumberOfTheLayerWhereItIsTold) {
    Json config = test::family_config("gpt2");
    config["scale_attn_by_inverse_layer_idx"] = true;
    const DecoderSpec d = test::random_model(config).spec;
    const float first = std::get<Attention>(d.layers.at(0).mixer).scale;
    for (std::size_t l = 1; l < d.layers.size(); ++l)
        EXPECT_EQ(std::get<Attention>(d.layers[l].mixer).scale, first / static_cast<float>(l + 1));
}

class Families : public ::testing::TestWithParam<std::string> {
  protected:
    checking::Report checked(WeightChoice weights) {
        Model model = load_random(test::family_fixture(GetParam()), kSeed);
        CompileOptions options;
        options.weights = weights;
        options.threads = 1;
        std::size_t passes = 0;
        options.after_pass = [&](std::string_view, const ir::Graph& graph) {
            ++passes;
            ir::verify(graph);
        };
        compile(model, options, temporary_ / "model.skald");
        EXPECT_EQ(passes, 1 + kPasses.size());
        const Plan p = plan(model, options);
        return checking::check(model, p, temporary_ / "model.skald", kText, {});
    }
    test::TemporaryFolder temporary_;
};

// To what 32-bit operations round, keys and values included.
TEST_P(Families, ComputeInF32WhatTheirGraphMeans) {
    const checking::Report report = checked(WeightChoice::kF32);
    ASSERT_GT(report.tokens, 60u);
    ASSERT_TRUE(report.finite());
    for (std::size_t l = 0; l < report.source.layers.size(); ++l)
        EXPECT_LT(report.source.layers[l].rms(), 1e-4) << "layer " << l;
    EXPECT_LT(report.source.logits.rms(), 1e-4);
    EXPECT_GT(report.source.logits.correlation(), 0.99999);
    EXPECT_EQ(report.source.logits.rms(), report.stored.logits.rms());
}

TEST_P(Families, ComputeInIntegersNearlyWhatTheirStoredWeightsMean) {
    for (const WeightChoice weights : {WeightChoice::kInt8, WeightChoice::kInt4}) {
        const checking::Report report = checked(weights);
        ASSERT_TRUE(report.finite());
        // Activations are in eight bits; a token here and there goes to another expert.
        EXPECT_LT(report.stored.logits.rms(), 0.2);
        EXPECT_GT(report.stored.logits.correlation(), 0.98);
    }
}

INSTANTIATE_TEST_SUITE_P(All, Families, ::testing::ValuesIn(test::family_fixtures()),
                         [](const auto& instance) { return test::test_name(instance.param); });

}  // namespace
}  // namespace skald::compiler
