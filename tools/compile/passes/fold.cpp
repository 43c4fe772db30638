// SPDX-License-Identifier: MIT
#include <algorithm>

#include "passes/passes.hpp"

namespace skald::compiler {
namespace {

using namespace ir;

bool same_content(const Constant& a, const Constant& b) {
    return a.kind == b.kind && a.parts == b.parts && a.layers == b.layers && a.n == b.n &&
           a.k == b.k && a.experts == b.experts && a.table == b.table;
}

template <typename F>
void for_each_constant(Graph& g, F f) {
    for (Block& block : g.blocks)
        for (Node& node : block.nodes)
            for (ConstantId* c : {&node.weight, &node.bias})
                if (*c != kNone)
                    f(*c);
}

void merge_equal_constants(Graph& g) {
    for_each_constant(g, [&](ConstantId& id) {
        const auto first =
            std::find_if(g.constants.begin(), g.constants.end(),
                         [&](const Constant& c) { return same_content(c, g.constants[id]); });
        id = static_cast<ConstantId>(first - g.constants.begin());
    });
}

void drop_unused_constants(Graph& g) {
    std::vector<bool> used(g.constants.size());
    for_each_constant(g, [&](ConstantId& id) { used[id] = true; });
    std::vector<Constant> kept;
    std::vector<ConstantId> renumbered(g.constants.size(), kNone);
    for (ConstantId id = 0; id < g.constants.size(); ++id) {
        if (!used[id])
            continue;
        renumbered[id] = static_cast<ConstantId>(kept.size());
        kept.push_back(std::move(g.constants[id]));
    }
    g.constants = std::move(kept);
    for_each_constant(g, [&](ConstantId& id) { id = renumbered[id]; });
}

bool is_used(const Graph& g, ValueId value) {
    for (const Block& block : g.blocks) {
        if (block.carried_out == value)
            return true;
        for (const Node& node : block.nodes)
            for (const ValueId in : node.in)
                if (g.overlap(in, value))
                    return true;
    }
    return false;
}

// A node without an output is there for its effect.
void drop_dead_nodes(Graph& g) {
    bool changed = true;
    while (changed) {
        changed = false;
        for (Block& block : g.blocks)
            changed |= std::erase_if(block.nodes, [&](const Node& node) {
                           bool used = node.out == kNone;
                           node.each_out([&](ValueId out) { used |= is_used(g, out); });
                           return !used;
                       }) > 0;
    }
}

}  // namespace

void fold(Graph& graph, const PassOptions&) {
    drop_dead_nodes(graph);
    merge_equal_constants(graph);
    drop_unused_constants(graph);
}

}  // namespace skald::compiler
