// SPDX-License-Identifier: MIT
// A softmax with what guards it against rows that see nothing and against numbers that are too
// large, as exporters take PyTorch's attention apart.
#pragma once

#include "import/tensor_graph.hpp"

namespace skald::compiler::graphs {

// Softmax(x - max(x)) becomes s = Softmax(x); Where(no element of x is above -inf, 0, s) and
// Where(IsNaN(s), 0, s) become s; nodes on which nothing depends any more go. Only rows that see
// nothing differ: a decoder has none, since each position sees itself, which is checked when
// attention is raised.
void drop_softmax_guards(TensorGraph& graph);

}  // namespace skald::compiler::graphs
