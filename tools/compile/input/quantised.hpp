// SPDX-License-Identifier: MIT
// GGUF's quantised types taken apart into what they have in common: unsigned integers, and a scale
// (and a minimum) for each group of them; see TypeInfo.
#pragma once

#include <cstdint>
#include <vector>

#include "input/tensor.hpp"

namespace skald::compiler {

struct QuantisedRow {
    std::vector<std::uint8_t> u;        // by weight, below 2^bits
    std::vector<float> scale, minimum;  // by group, exact; minimum only of affine types
};

// `tensor` is of a quantised type (bits != 0). `out` is made as long as the row; its storage is
// used again.
void unpack(const Tensor& tensor, std::uint64_t row, QuantisedRow& out);

}  // namespace skald::compiler
