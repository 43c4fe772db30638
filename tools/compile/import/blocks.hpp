// SPDX-License-Identifier: MIT
// Weights that a graph keeps as integers with scales. Where a block format of input/tensor.hpp
// holds the same numbers they are put in that form, and stay integers on the card; else they are
// decoded row by row.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "import/value.hpp"

namespace skald::compiler::graphs {

// Rows of integers, each block of a row with a scale and a zero: scale * (integer - zero). Where
// they lie in their tensors is said by steps.
struct Blocks {
    std::int64_t rows = 0, columns = 0;
    std::int64_t block = 0;  // columns that share a scale
    std::int64_t bits = 4;
    // Two integers of 4 bits in a byte, rows and blocks one behind the other from byte `first` on;
    // or one integer in each place of the tensor: first + row * row_step + column * column_step.
    bool packed = true;
    std::int64_t first = 0, row_step = 0, column_step = 1;
    // Scales, and zeros that are not packed, lie likewise.
    std::int64_t first_scale = 0, scale_row_step = 0, scale_block_step = 1;
    bool is_signed = false;  // integers and zeros
    Value integers, scales;
    std::optional<Value> zeros;   // none: `middle`
    bool packed_zeros = false;    // of 4 bits, each row in bytes of its own
    std::int64_t first_zero = 0;  // of packed zeros: byte
    std::int64_t middle = 0;
    std::string name;

    std::int64_t per_row() const { return (columns + block - 1) / block; }
    // Steps of what lies row behind row.
    void in_order();
};

// [rows, columns]
Expr weights_of(const Blocks& blocks);

}  // namespace skald::compiler::graphs
