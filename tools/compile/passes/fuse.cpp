// SPDX-License-Identifier: MIT
#include <algorithm>

#include "passes/passes.hpp"

namespace skald::compiler {
namespace {

using namespace ir;

std::string joined(const Graph& g, const std::vector<std::size_t>& nodes, const Block& block,
                   std::string (*name)(const Graph&, const Node&)) {
    std::string out;
    for (const std::size_t i : nodes)
        out += (out.empty() ? "" : "|") + name(g, block.nodes[i]);
    return out;
}

// A value that exists only as a view of something else, or not at all, after fusing.
void make_view(Graph& g, ValueId id, ValueId parent, std::uint32_t column) {
    g.values[id].parent = parent;
    g.values[id].column = column;
}

void erase_nodes(Block& block, const std::vector<std::size_t>& indices) {
    for (auto it = indices.rbegin(); it != indices.rend(); ++it)
        block.nodes.erase(block.nodes.begin() + static_cast<std::ptrdiff_t>(*it));
}

// Plain products of the same input and format, with or without bias alike, all of experts or none.
std::vector<std::size_t> parallel_products(const Graph& g, const Block& block, std::size_t first) {
    const Node& a = block.nodes[first];
    std::vector<std::size_t> group;
    const bool plain = a.op == Op::kMatMul && a.in.size() == 1;
    if (!plain && a.op != Op::kGroupedMatMul)
        return group;
    for (std::size_t i = first; i < block.nodes.size(); ++i) {
        const Node& b = block.nodes[i];
        const bool alike = b.op == a.op && b.in == a.in && (b.bias == kNone) == (a.bias == kNone) &&
                           g.values[b.out].parent == kNone &&
                           g.constants[b.weight].layers == g.constants[a.weight].layers &&
                           g.constants[b.weight].experts == g.constants[a.weight].experts &&
                           g.constants[b.weight].format == g.constants[a.weight].format;
        if (alike)
            group.push_back(i);
    }
    return group;
}

void stack(Graph& g, Constant& all, ConstantId part) {
    const Constant& c = g.constants[part];
    all.parts.insert(all.parts.end(), c.parts.begin(), c.parts.end());
    (c.kind == ConstantKind::kMatrix ? all.n : all.k) +=
        c.kind == ConstantKind::kMatrix ? c.n : c.k;
    all.name += (all.name.empty() ? "" : "|") + c.name;
}

void fuse_products(Graph& g, Block& block) {
    for (std::size_t i = 0; i < block.nodes.size(); ++i) {
        const auto group = parallel_products(g, block, i);
        if (group.size() < 2)
            continue;
        const Node first = block.nodes[i];
        const Constant& like = g.constants[first.weight];
        Constant weight = like;
        weight.name.clear();
        weight.parts.clear();
        weight.n = 0;
        Constant bias;
        bias.kind = ConstantKind::kVector;
        bias.layers = weight.layers;
        bias.experts = weight.experts;
        for (const std::size_t m : group) {
            stack(g, weight, block.nodes[m].weight);
            if (first.bias != kNone)
                stack(g, bias, block.nodes[m].bias);
        }
        const ValueId all = g.add_value(
            {joined(g, group, block,
                    [](const Graph& gr, const Node& n) { return gr.values[n.out].name; }),
             g.values[first.out].rows, weight.n});
        std::uint32_t column = 0;
        for (const std::size_t m : group) {
            const ValueId part = block.nodes[m].out;
            make_view(g, part, all, column);
            column += g.values[part].width;
        }
        const ConstantId w = g.add_constant(std::move(weight));
        const ConstantId b = first.bias == kNone ? kNone : g.add_constant(std::move(bias));
        block.nodes[i] = {first.op, first.in, all, w, b, {}, {}};
        erase_nodes(block, {group.begin() + 1, group.end()});
    }
}

// Rotations of neighbouring columns, with no user of the first in between.
void fuse_rotations(Graph& g, Block& block) {
    for (std::size_t i = 0; i + 1 < block.nodes.size(); ++i) {
        const Node a = block.nodes[i], b = block.nodes[i + 1];
        if (a.op != Op::kRope || b.op != Op::kRope || a.weight != b.weight ||
            a.attributes != b.attributes)
            continue;
        const ValueId left = a.in[0], right = b.in[0];
        const Value& l = g.values[left];
        const Value& r = g.values[right];
        if (l.parent == kNone || l.parent != r.parent || l.column + l.width != r.column ||
            l.width + r.width > isa::kMaxHeads * a.as<RopeAttributes>().head_dim)
            continue;
        const std::uint32_t left_width = l.width;
        Value both{l.name + "|" + r.name, l.rows, l.width + r.width, l.parent, l.column};
        Value rotated{g.values[a.out].name + "|" + g.values[b.out].name, both.rows, both.width};
        const ValueId in = g.add_value(std::move(both));
        rotated.parent = in;
        const ValueId out = g.add_value(std::move(rotated));
        make_view(g, a.out, out, 0);
        make_view(g, b.out, out, left_width);
        block.nodes[i] = {Op::kRope, {in}, out, a.weight, kNone, a.attributes, {}};
        erase_nodes(block, {i + 1});
        --i;  // a third neighbour may follow
    }
}

std::size_t users(const Graph& g, ValueId value) {
    std::size_t count = 0;
    for (const Block& block : g.blocks)
        for (const Node& node : block.nodes)
            count += static_cast<std::size_t>(std::count_if(
                node.in.begin(), node.in.end(), [&](ValueId in) { return g.overlap(in, value); }));
    return count;
}

// y = product; sum = x + y  ->  product added to x in place. The product must come right before: x
// may be written by then.
void fuse_residuals(Graph& g, Block& block) {
    for (std::size_t i = 1; i < block.nodes.size(); ++i) {
        const Node sum = block.nodes[i];
        Node& product = block.nodes[i - 1];
        const bool plain = (product.op == Op::kMatMul && product.in.size() == 1) ||
                           (product.op == Op::kMatMulQ8 && product.in.size() == 2) ||
                           (product.op == Op::kCombine && product.in.size() == 3);
        const bool fits = sum.op == Op::kAdd && sum.as<ScaleAttributes>().scale == 1 && plain &&
                          sum.in[1] == product.out && g.same_place(sum.out, sum.in[0]) &&
                          users(g, product.out) == 1;
        if (!fits)
            continue;
        product.in.push_back(sum.in[0]);
        product.out = sum.out;
        erase_nodes(block, {i});
        --i;
    }
}

}  // namespace

void fuse(Graph& graph, const PassOptions& options) {
    for (Block& block : graph.blocks) {
        fuse_products(graph, block);
        fuse_rotations(graph, block);
        fuse_residuals(graph, block);
    }
    fold(graph, options);  // the constants that went into others are of no use any more
}

}  // namespace skald::compiler
