// SPDX-License-Identifier: MIT
// Sums of squares, by column, of what goes into the products of a graph.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "calibrate/calibration.hpp"
#include "interpret/interpreter.hpp"

namespace skald::compiler {

class InputSums {
  public:
    explicit InputSums(const ir::Graph& graph) : graph_(graph) {}

    void add(const interpret::Product& product);

    // Throws CompileError where a sum is not finite.
    Calibration::Means means() const;

  private:
    // Of the products that share an input: value, round of the loop, expert.
    using Input = std::tuple<ir::ValueId, std::uint32_t, std::uint32_t>;
    static constexpr std::size_t kRound = 1, kExpert = 2;
    struct Sum {
        std::vector<ir::ConstantId> matrices;  // the first counts its rows
        std::size_t rows = 0;
        std::vector<double> squares;

        Sum& operator+=(const Sum& other);
        std::vector<float> mean() const;
    };

    void check(const Input& input, const Sum& sum) const;

    const ir::Graph& graph_;
    std::map<Input, Sum> sums_;
};

}  // namespace skald::compiler
