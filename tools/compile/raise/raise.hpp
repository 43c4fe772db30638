// SPDX-License-Identifier: MIT
// From a tensor graph to what the compiler makes programs of.
#pragma once

#include "raise/layers.hpp"

namespace skald::compiler::raising {

// Throws CompileError, naming the node that is not understood, and what it came near to.
Raised raise(const graphs::TensorGraph& graph);

}  // namespace skald::compiler::raising
