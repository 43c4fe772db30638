// SPDX-License-Identifier: MIT
// Turns rows of a source matrix into the card's weight tiles (skald/isa.hpp), encoding them on the
// way (encode_row.hpp), and measures what that costs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "backend/encode_row.hpp"
#include "model/weights.hpp"
#include "skald/isa.hpp"

namespace skald::compiler {

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
// too large for the format. `energy` as in RowEncoder.
TileError write_tiles(const StackedMatrix& matrix, isa::WeightFormat format, std::uint32_t first,
                      std::uint32_t count, std::span<std::byte> out,
                      std::span<const float> energy = {});

}  // namespace skald::compiler
