// SPDX-License-Identifier: MIT
// Rows times a matrix, in panels of its rows that several threads compute.
#pragma once

#include <span>

#include "interpret/constants.hpp"
#include "interpret/rows.hpp"

namespace skald::compiler::interpret {

// y = x W + bias (none: empty). x is as wide as the matrix, y a row for each of its.
Rows linear(const MatrixRows& matrix, std::span<const float> bias, const Rows& x, unsigned threads);

}  // namespace skald::compiler::interpret
