// SPDX-License-Identifier: MIT
// Tables of cosines and sines that a graph of 16 bits keeps in 16 bits: what they were before.
#pragma once

#include <utility>

#include "import/value.hpp"

namespace skald::compiler::graphs {

// Of [positions, pairs] each. If all numbers are ones of 16 bits, and those of angles with one base
// for all pairs, rounded: those angles' cosines and sines. Else what was given.
std::pair<Value, Value> before_rounding(const Value& cosines, const Value& sines);

}  // namespace skald::compiler::graphs
