// SPDX-License-Identifier: MIT
// Exports of tiny models of real families, by torch.onnx and torch.export: the program of the
// folder that they were exported from, and nothing more or less.
#include <gtest/gtest.h>

#include <cstring>

#include "compile.hpp"
#include "raise/graph_model.hpp"
#include "test_models.hpp"

namespace skald::compiler {
namespace {

class ReferenceGraph : public testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(ReferenceGraph, IsTheFoldersProgramAndItsWeights) {
    const auto& [family, ending] = GetParam();
    SKALD_NEED_MODEL(graph, std::string("graphs/") + family + ending);
    SKALD_NEED_MODEL(folder, std::string("families/") + family);
    Model of_graph = load_graph(graph, {.tokenizer = folder}), of_folder = load_model(folder);
    CompileOptions options;
    options.weights = WeightChoice::kF32;
    const Plan a = plan(of_graph, options), b = plan(of_folder, options);
    ASSERT_EQ(a.program.size(), b.program.size());
    EXPECT_EQ(
        std::memcmp(a.program.data(), b.program.data(), a.program.size() * sizeof(isa::MicroOp)),
        0);
    std::vector<std::vector<float>> weights;
    each_matrix(of_folder.spec,
                [&](std::string_view, std::optional<std::uint32_t>, const Matrix& m) {
                    for (const Expr& e : m.of)
                        weights.push_back(e->values());
                });
    std::size_t n = 0;
    each_matrix(of_graph.spec,
                [&](std::string_view role, std::optional<std::uint32_t> layer, const Matrix& m) {
                    for (const Expr& e : m.of)
                        EXPECT_EQ(e->values(), weights.at(n++)) << role << " " << layer.value_or(0);
                });
    EXPECT_EQ(n, weights.size());
}

INSTANTIATE_TEST_SUITE_P(Exports, ReferenceGraph,
                         testing::Combine(testing::Values("gemma2", "gemma3", "gpt-neox", "gpt2",
                                                          "granite", "llama3", "mistral", "mixtral",
                                                          "olmo2", "phi4-mini", "qwen3", "smollm3",
                                                          "starcoder2"),
                                          testing::Values(".onnx", ".pt2")),
                         [](const auto& of) {
                             std::string name =
                                 std::string(std::get<0>(of.param)) + std::get<1>(of.param);
                             for (char& c : name)
                                 if (c == '.' || c == '-')
                                     c = '_';
                             return name;
                         });

}  // namespace
}  // namespace skald::compiler
