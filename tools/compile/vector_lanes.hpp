// SPDX-License-Identifier: MIT
// Eight sums side by side, as loops marked SKALD_VECTOR_CLONES keep them, and their one order of
// adding up, so that all machines give the same bytes.
#pragma once

#include <array>
#include <cstddef>

#include "vector_clones.hpp"

namespace skald::compiler {

inline constexpr std::size_t kVectorLanes = 8;
using Lanes = std::array<float, kVectorLanes>;

SKALD_INLINE float sum_of(const Lanes& l) {
    return ((l[0] + l[4]) + (l[1] + l[5])) + ((l[2] + l[6]) + (l[3] + l[7]));
}

}  // namespace skald::compiler
