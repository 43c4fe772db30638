// SPDX-License-Identifier: MIT
// Several graphs that are one model: inputs are outputs of others, by their names.
#pragma once

#include <deque>

#include "import/tensor_graph.hpp"

namespace skald::compiler::graphs {

// Verified, as the parts must be. Throws CompileError.
TensorGraph joined(std::deque<TensorGraph> parts);

}  // namespace skald::compiler::graphs
