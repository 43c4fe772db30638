// SPDX-License-Identifier: MIT
#include "ir/layer_ends.hpp"

#include "error.hpp"

namespace skald::compiler::ir {
namespace {

// The layer of the period whose weights a node has; kNone if it has none.
std::uint32_t layer_of(const Graph& graph, const Block& block, const Node& node) {
    for (const ConstantId c : {node.weight, node.bias})
        if (c != kNone && graph.constants[c].layers.count != 0)
            return graph.constants[c].layers.first - block.layers.first;
    return kNone;
}

}  // namespace

// A layer begins with something that it makes of what is carried, with weights or not, and all
// that has weights of the next layer depends on its result: its end is the last node that writes
// to the carried place before any of those.
std::vector<std::size_t> layer_ends(const Graph& graph, const Block& block) {
    std::vector<std::size_t> ends(block.period, block.nodes.size());
    std::uint32_t layer = 0;
    for (std::size_t n = 0; n < block.nodes.size(); ++n) {
        const Node& node = block.nodes[n];
        if (const std::uint32_t of = layer_of(graph, block, node); of != kNone && of > layer)
            layer = of;
        if (node.out != kNone && graph.same_place(node.out, block.carried_out))
            ends[layer] = n;
    }
    for (const std::size_t end : ends)
        if (end == block.nodes.size())
            fail("internal error: a layer of block {} leaves nothing behind", block.name);
    return ends;
}

}  // namespace skald::compiler::ir
