// SPDX-License-Identifier: MIT
// Layers of a family in loops: a model twice as deep has as many micro-ops.
#include <gtest/gtest.h>

#include "compile.hpp"
#include "family_fixtures.hpp"

namespace skald::compiler {
namespace {

using test::Json;

constexpr std::size_t kShallow = 12, kDeep = 24;

// With lists of layers said over and over.
Json with_layers(const std::string& fixture, std::size_t layers) {
    Json config = test::family_config(fixture);
    Json& model = test::language_model(config);
    model[model.contains("n_layer") ? "n_layer" : "num_hidden_layers"] = layers;
    for (const char* key : {"layer_types", "no_rope_layers"}) {
        if (!model.contains(key))
            continue;
        const Json pattern = model[key];
        model[key] = Json::array();
        for (std::size_t l = 0; l < layers; ++l)
            model[key].push_back(pattern[l % pattern.size()]);
    }
    if (model.contains("full_attn_idxs"))  // every third
        for (std::size_t l = 5; l < layers; l += 3)
            model["full_attn_idxs"].push_back(l);
    return config;
}

class FamilyLoops : public ::testing::TestWithParam<std::string> {};

TEST_P(FamilyLoops, HaveAsManyMicroOpsForTwiceTheLayers) {
    std::size_t micro_ops[2];
    for (const bool deep : {false, true}) {
        Model model = test::random_model(with_layers(GetParam(), deep ? kDeep : kShallow));
        ASSERT_EQ(model.spec.layers.size(), deep ? kDeep : kShallow);
        const Plan p = plan(model, {});
        micro_ops[deep] = p.program.size();
        std::uint32_t layers = 0;
        for (const ir::Block& block : p.graph.runs())
            layers += block.layers.count;
        EXPECT_EQ(layers, p.graph.layers);
    }
    EXPECT_EQ(micro_ops[0], micro_ops[1]);
}

INSTANTIATE_TEST_SUITE_P(All, FamilyLoops, ::testing::ValuesIn(test::family_fixtures()),
                         [](const auto& instance) { return test::test_name(instance.param); });

}  // namespace
}  // namespace skald::compiler
