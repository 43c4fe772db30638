// SPDX-License-Identifier: MIT
// What a graph becomes, and who says whether it is right: this project's evaluator, on numbers, and
// ONNX Runtime.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <numeric>
#include <span>
#include <vector>

#include "import/evaluate.hpp"
#include "import/import.hpp"
#include "interpret/interpreter.hpp"
#include "ir/graph.hpp"
#include "judge.hpp"
#include "raise/raise.hpp"

namespace skald::test {

inline std::vector<std::uint32_t> some_ids(std::uint32_t vocabulary, std::uint32_t n = 23) {
    std::vector<std::uint32_t> ids;
    for (std::uint32_t i = 0; i < n; ++i)
        ids.push_back((5 + 17 * i + i * i) % vocabulary);
    return ids;
}

// Logits of the spec that a graph was raised to.
inline std::vector<float> raised_logits(const compiler::DecoderSpec& spec,
                                        std::span<const std::uint32_t> ids) {
    const compiler::ir::Graph graph = compiler::ir::build(spec, {64, isa::KvFormat::F16});
    compiler::interpret::Rows rows =
        compiler::interpret::Interpreter(graph, {}).read(ids, ids.size());
    std::vector<float> logits;
    for (std::size_t t = 0; t < rows.count(); ++t)
        logits.insert(logits.end(), rows[t].begin(), rows[t].end());
    return logits;
}

// Of a graph whose one input is the ids.
inline std::vector<float> evaluated_logits(const compiler::graphs::TensorGraph& g,
                                           std::span<const std::uint32_t> ids) {
    const auto n = static_cast<std::int64_t>(ids.size());
    const compiler::graphs::Bindings inputs{
        {g.inputs.at(0).value, compiler::graphs::Value::ints({1, n}, {ids.begin(), ids.end()})}};
    const auto all = compiler::graphs::evaluate(g, inputs, g.outputs).at(g.outputs.at(0)).numbers();
    return {all->begin(), all->end()};
}

// Within `tolerance` of their spread.
inline void expect_near(std::span<const float> found, std::span<const float> expected,
                        double tolerance = 2e-4) {
    ASSERT_EQ(found.size(), expected.size());
    double squares = 0, worst = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        ASSERT_TRUE(std::isfinite(found[i])) << i;
        squares += double{expected[i]} * expected[i];
        worst = std::max(worst, std::abs(double{found[i]} - expected[i]));
    }
    EXPECT_LT(worst, tolerance * std::sqrt(squares / static_cast<double>(expected.size())));
}

}  // namespace skald::test
