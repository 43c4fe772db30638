// SPDX-License-Identifier: MIT
// Weights that come from no file: a function of seed and position, so that any row can be made at
// any time, by any thread, and is the same on every machine.
#pragma once

#include <cstdint>
#include <span>

namespace skald::compiler {

// Row `row` of a matrix with rows of out.size(): near enough to normal, mean 0.
void random_row(std::uint64_t seed, std::uint64_t row, float deviation, std::span<float> out);

}  // namespace skald::compiler
