// SPDX-License-Identifier: MIT
// Norms over rows or over groups of columns.
#pragma once

#include <span>

#include "interpret/rows.hpp"
#include "ir/graph.hpp"

namespace skald::compiler::interpret {

// y may be x. Gain and bias (empty: none) are as wide as a group, or as the row.
void normalise(const ir::NormAttributes& attributes, Columns x, std::span<const float> gain,
               std::span<const float> bias, Columns y);

}  // namespace skald::compiler::interpret
