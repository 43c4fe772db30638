// SPDX-License-Identifier: MIT
#include "ir/graph.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace skald::compiler::ir {

const char* name_of(Op op) {
    switch (op) {
        case Op::kGather:
            return "gather";
        case Op::kRmsNorm:
            return "rms_norm";
        case Op::kMatMul:
            return "matmul";
        case Op::kRope:
            return "rope";
        case Op::kKvAppend:
            return "kv_append";
        case Op::kAttention:
            return "attention";
        case Op::kGlu:
            return "glu";
        case Op::kAdd:
            return "add";
        case Op::kSelectRows:
            return "select_rows";
        case Op::kLogits:
            return "logits";
    }
    return "?";
}

std::string name_of(LayerRun run) {
    return run.count == 1 ? fmt::format("layer {}", run.first)
                          : fmt::format("layers {}..{}", run.first, run.first + run.count - 1);
}

ValueId Graph::add_value(Value value) {
    values.push_back(std::move(value));
    return static_cast<ValueId>(values.size() - 1);
}

ConstantId Graph::add_constant(Constant constant) {
    constants.push_back(std::move(constant));
    return static_cast<ConstantId>(constants.size() - 1);
}

ValueId Graph::root_of(ValueId id) const {
    while (values[id].parent != kNone)
        id = values[id].parent;
    return id;
}

std::uint32_t Graph::column_of(ValueId id) const {
    std::uint32_t column = 0;
    for (; values[id].parent != kNone; id = values[id].parent)
        column += values[id].column;
    return column;
}

bool Graph::overlap(ValueId a, ValueId b) const {
    if (root_of(a) != root_of(b))
        return false;
    const std::uint32_t ca = column_of(a), cb = column_of(b);
    return ca < cb + values[b].width && cb < ca + values[a].width;
}

bool Graph::same_place(ValueId a, ValueId b) const {
    return root_of(a) == root_of(b) && column_of(a) == column_of(b) &&
           values[a].width == values[b].width;
}

namespace {

std::string describe(const Graph& g, ValueId id) {
    const Value& v = g.values[id];
    std::string s =
        fmt::format("%{}:{} [{},{}]", id, v.name, v.rows == Rows::kBatch ? "T" : "S", v.width);
    if (v.parent != kNone)
        s += fmt::format(" = columns {}.. of %{}", v.column, v.parent);
    else if (g.workspace_bytes != 0)
        s += fmt::format(" at {:#x} pitch {}", v.offset, v.pitch);
    return s;
}

const char* name_of_kind(ConstantKind kind) {
    switch (kind) {
        case ConstantKind::kMatrix:
            return "matrix";
        case ConstantKind::kVector:
            return "vector";
        case ConstantKind::kRotaryTable:
            return "rotary table";
    }
    return "?";
}

}  // namespace

std::string to_string(const Graph& g) {
    std::string s;
    for (std::size_t i = 0; i < g.constants.size(); ++i) {
        const Constant& c = g.constants[i];
        s += fmt::format("constant @{}:{} {} [{},{}]{}", i, c.name, name_of_kind(c.kind), c.n, c.k,
                         c.layers.count != 0 ? " of " + name_of(c.layers) : "");
        if (c.kind == ConstantKind::kMatrix)
            s += fmt::format(" {}",
                             c.quantised ? isa::weight_info(c.format).name : "as in the source");
        s += '\n';
    }
    for (ValueId id = 0; id < g.values.size(); ++id)
        s += fmt::format("value {}\n", describe(g, id));
    for (const Block& block : g.blocks) {
        s += fmt::format("block {} x {}\n", block.name, std::max(1u, block.layers.count));
        for (const Node& node : block.nodes) {
            s += "  ";
            if (node.out != kNone)
                s += fmt::format("%{}:{} = ", node.out, g.values[node.out].name);
            s += name_of(node.op);
            for (const ValueId in : node.in)
                s += fmt::format(" %{}:{}", in, g.values[in].name);
            for (const ConstantId c : {node.weight, node.bias})
                if (c != kNone)
                    s += fmt::format(" @{}:{}", c, g.constants[c].name);
            s += '\n';
        }
    }
    return s;
}

}  // namespace skald::compiler::ir
