// SPDX-License-Identifier: MIT
// Where in a block's nodes a layer ends: a block of a pattern of layers has several, one behind the
// other, and passes have moved nodes about since they were put there.
#pragma once

#include <cstddef>
#include <vector>

#include "ir/graph.hpp"

namespace skald::compiler::ir {

// For each layer of the block's period the node after which what is carried on is that layer's
// result. Of a block of layers in a graph that verifies.
std::vector<std::size_t> layer_ends(const Graph& graph, const Block& block);

}  // namespace skald::compiler::ir
