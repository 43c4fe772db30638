// SPDX-License-Identifier: MIT
// Turns rows of a source matrix into the card's weight tiles (skald/isa.hpp), quantising where the
// format asks for it, and measures what that costs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/weights.hpp"
#include "skald/isa.hpp"

namespace skald::compiler {

// Squared error and energy of stored weights against the source, summed over some rows.
struct TileError {
    double squared_error = 0, squared_weight = 0, largest_error = 0;

    TileError& operator+=(const TileError& other);
    double relative() const;  // root of squared_error / squared_weight; 0 if all weights are 0
};

// Matrices stacked along n; the parts have the same k and together the rows of a constant.
class StackedMatrix {
  public:
    // The weights (each of at least one row of `k`) must outlive the stack.
    StackedMatrix(const std::vector<const Weight*>& parts, std::uint32_t k);

    std::uint32_t n() const { return n_; }
    std::uint32_t k() const { return k_; }

    struct Row {
        const Tensor* tensor;
        std::uint64_t row;
    };
    Row row(std::uint32_t n) const;

  private:
    struct Part {
        std::uint32_t begin;
        const Weight* weight;
    };
    std::vector<Part> parts_;
    std::uint32_t n_ = 0, k_;
};

// Tiles of rows [16 * first, 16 * (first + count)) of the matrix into `out`, which is exactly as
// long as they are. Throws CompileError naming the tensor and the row if a weight is not finite, or
// too large for the format.
TileError write_tiles(const StackedMatrix& matrix, isa::WeightFormat format, std::uint32_t first,
                      std::uint32_t count, std::span<std::byte> out);

// One block of 32 weights (or fewer at the end of a row; the rest is padding) as int8: what
// write_tiles stores. Returns the f16 scale.
std::uint16_t quantise_block(std::span<const float> weights,
                             std::span<std::int8_t, isa::kQuantBlock> out);

}  // namespace skald::compiler
