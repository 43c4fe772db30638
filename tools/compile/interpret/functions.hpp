// SPDX-License-Identifier: MIT
// Activations: in double and rounded once, so that libraries that differ in the last place do not
// matter.
#pragma once

#include "ir/graph.hpp"

namespace skald::compiler::interpret {

float activate(const ir::FunctionAttributes& function, float x);

// Of a gate and what it is for.
float gated(const ir::FunctionAttributes& function, float gate, float up);

}  // namespace skald::compiler::interpret
