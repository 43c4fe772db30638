// SPDX-License-Identifier: MIT
// Graphs of a node or two with numbers of a test's own, for the interpreter.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/graph.hpp"

namespace skald::test {

using Numbers = std::vector<std::vector<double>>;  // rows

// Reproducible, between -1 and 1, exact as f32.
Numbers random_numbers(std::size_t rows, std::size_t columns, unsigned seed);

class Sketch {
  public:
    // Value x, which a test takes its inputs from: token t is row t of it.
    explicit Sketch(const Numbers& rows);

    compiler::ir::ValueId columns(std::uint32_t column, std::uint32_t width);  // of x
    compiler::ir::ValueId value(std::uint32_t width,
                                compiler::ir::Rows rows = compiler::ir::Rows::kBatch);

    compiler::ir::ConstantId matrix(const std::vector<Numbers>& of);  // of each expert
    compiler::ir::ConstantId vector(const std::vector<std::vector<double>>& of);
    compiler::ir::ConstantId table(compiler::RotaryTable table);

    void push(compiler::ir::Node node);

    // What `result` is after the nodes, of all rows in sequences of `length` (0: one).
    Numbers read(compiler::ir::ValueId result, std::size_t length = 0);

    compiler::ir::Graph graph;

  private:
    compiler::ir::ConstantId constant(compiler::ir::Constant constant,
                                      std::vector<compiler::Expr> of);
};

// Every number within `tolerance`.
void expect_near(const Numbers& got, const Numbers& expected, double tolerance = 1e-5);

}  // namespace skald::test
