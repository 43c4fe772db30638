// SPDX-License-Identifier: MIT
#include "sketch.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "interpret/interpreter.hpp"

namespace skald::test {

using namespace compiler;

namespace {

Expr expression_of(const Numbers& rows) {
    std::vector<float> all;
    for (const auto& row : rows)
        all.insert(all.end(), row.begin(), row.end());
    return expr::reshape(expr::list(all), rows.front().size());
}

}  // namespace

Numbers random_numbers(std::size_t rows, std::size_t columns, unsigned seed) {
    std::mt19937 engine(seed);
    Numbers out(rows, std::vector<double>(columns));
    for (auto& row : out)
        for (double& x : row)
            x = static_cast<float>(engine() / 2147483648.0 - 1);
    return out;
}

Sketch::Sketch(const Numbers& rows) {
    const auto width = static_cast<std::uint32_t>(rows.front().size());
    graph.vocabulary = static_cast<std::uint32_t>(rows.size());
    graph.hidden = width;
    graph.context = graph.vocabulary;
    graph.blocks.resize(2);
    const ir::ValueId x = graph.add_value({"x", ir::Rows::kBatch, width});
    push({ir::Op::kGather, {}, x, matrix({rows}), ir::kNone, ir::GatherAttributes{}, {}});
}

ir::ValueId Sketch::columns(std::uint32_t column, std::uint32_t width) {
    return graph.add_value({"columns", ir::Rows::kBatch, width, 0, column});
}

ir::ValueId Sketch::value(std::uint32_t width, ir::Rows rows) {
    return graph.add_value({"value", rows, width});
}

ir::ConstantId Sketch::constant(ir::Constant c, std::vector<Expr> of) {
    c.experts = of.size() > 1 ? static_cast<std::uint32_t>(of.size()) : 0;
    c.parts = {static_cast<ir::ParameterId>(graph.parameters.size())};
    graph.parameters.push_back({"parameter", {std::move(of)}});
    return graph.add_constant(std::move(c));
}

ir::ConstantId Sketch::matrix(const std::vector<Numbers>& of) {
    ir::Constant c;
    c.n = static_cast<std::uint32_t>(of.front().size());
    c.k = static_cast<std::uint32_t>(of.front().front().size());
    std::vector<Expr> parts;
    for (const Numbers& rows : of)
        parts.push_back(expression_of(rows));
    return constant(std::move(c), std::move(parts));
}

ir::ConstantId Sketch::vector(const std::vector<std::vector<double>>& of) {
    ir::Constant c;
    c.kind = ir::ConstantKind::kVector;
    c.k = static_cast<std::uint32_t>(of.front().size());
    std::vector<Expr> parts;
    for (const auto& numbers : of)
        parts.push_back(expr::list({numbers.begin(), numbers.end()}));
    return constant(std::move(c), std::move(parts));
}

ir::ConstantId Sketch::table(RotaryTable table) {
    ir::Constant c;
    c.kind = ir::ConstantKind::kRotaryTable;
    c.table = static_cast<std::uint32_t>(graph.tables.size());
    c.k = table.dims();
    graph.tables.push_back(std::move(table));
    return graph.add_constant(std::move(c));
}

void Sketch::push(ir::Node node) {
    graph.blocks.front().nodes.push_back(std::move(node));
}

Numbers Sketch::read(ir::ValueId result, std::size_t length) {
    graph.blocks.back().nodes = {
        {ir::Op::kLogits, {result}, ir::kNone, ir::kNone, ir::kNone, {}, {}}};
    std::vector<std::uint32_t> ids(graph.vocabulary);
    std::iota(ids.begin(), ids.end(), 0u);
    const interpret::Interpreter interpreter(graph, {.threads = 2});
    const interpret::Rows rows = interpreter.read(ids, length == 0 ? ids.size() : length);
    Numbers out;
    for (std::size_t t = 0; t < rows.count(); ++t)
        out.emplace_back(rows[t].begin(), rows[t].end());
    return out;
}

void expect_near(const Numbers& got, const Numbers& expected, double tolerance) {
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t t = 0; t < got.size(); ++t) {
        ASSERT_EQ(got[t].size(), expected[t].size());
        for (std::size_t i = 0; i < got[t].size(); ++i)
            EXPECT_NEAR(got[t][i], expected[t][i], tolerance) << "row " << t << ", column " << i;
    }
}

}  // namespace skald::test
