// SPDX-License-Identifier: MIT
#include "ir/graph.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "skald/isa_table.hpp"

namespace skald::compiler::ir {

const char* name_of(Op op) {
    switch (op) {
        case Op::kGather:
            return "gather";
        case Op::kNorm:
            return "norm";
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
        case Op::kActivation:
            return "activation";
        case Op::kAdd:
            return "add";
        case Op::kMul:
            return "mul";
        case Op::kRepeat:
            return "repeat";
        case Op::kRoute:
            return "route";
        case Op::kGroupedMatMul:
            return "grouped_matmul";
        case Op::kCombine:
            return "combine";
        case Op::kConv:
            return "conv";
        case Op::kSelectRows:
            return "select_rows";
        case Op::kLogits:
            return "logits";
        case Op::kQuant:
            return "quant";
        case Op::kMatMulQ8:
            return "matmul_q8";
        case Op::kAllGather:
            return "all_gather";
        case Op::kAllReduce:
            return "all_reduce";
        case Op::kSend:
            return "send";
        case Op::kRecv:
            return "recv";
    }
    return "?";
}

std::string name_of(LayerRun run) {
    if (run.count == 1)
        return fmt::format("layer {}", run.first);
    const std::uint32_t last = run.at(run.count - 1);
    return run.step == 1
               ? fmt::format("layers {}..{}", run.first, last)
               : fmt::format("layers {}, {} .. {}", run.first, run.first + run.step, last);
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

std::uint64_t Graph::most_rows(Rows rows) const {
    switch (rows) {
        case Rows::kBatch:
            return max_rows;
        case Rows::kSelected:
            return max_selected;
        case Rows::kRouted:
            return std::uint64_t{max_rows} * chosen;
        case Rows::kOne:
            return 1;
    }
    return 0;
}

std::vector<Expr> Graph::expressions(const Constant& c, std::uint32_t round,
                                     std::uint32_t expert) const {
    std::vector<Expr> out;
    for (const ParameterId part : c.parts)
        out.push_back(parameters[part].of.at(round).at(expert));
    return out;
}

namespace {

const char* letter_of(Rows rows) {
    switch (rows) {
        case Rows::kBatch:
            return "T";
        case Rows::kSelected:
            return "S";
        case Rows::kRouted:
            return "T*k";
        case Rows::kOne:
            return "1";
    }
    return "?";
}

struct Describe {
    std::string operator()(std::monostate) const { return ""; }
    std::string operator()(const GatherAttributes& a) const {
        return fmt::format(" {}{}", a.by_position ? "by position" : "by token",
                           a.scale == 1 ? "" : fmt::format(" * {}", a.scale));
    }
    std::string operator()(const NormAttributes& a) const {
        return fmt::format(" {} eps {}{}", a.kind == Norm::Kind::kLayer ? "layer" : "rms", a.eps,
                           a.group == 0 ? "" : fmt::format(" groups of {}", a.group));
    }
    std::string operator()(const RopeAttributes& a) const {
        return fmt::format(" {} of {} columns a head", a.dims, a.head_dim);
    }
    std::string operator()(const KvAttributes& a) const {
        return fmt::format(" {} heads, keys {}, values {}{}", a.kv_heads, a.k_dim, a.v_dim,
                           place(a.cache));
    }
    std::string operator()(const AttentionAttributes& a) const {
        return fmt::format(" {} heads on {}, keys {}, values {}, scale {}{}{}{}{}", a.heads,
                           a.kv_heads, a.k_dim, a.v_dim, a.scale,
                           a.window == 0 ? "" : fmt::format(", window {}", a.window),
                           a.soft_cap ? ", capped" : "", a.sinks ? ", sinks" : "", place(a.cache));
    }
    std::string operator()(const FunctionAttributes& a) const {
        const isa::Choice* f =
            isa::find_choice(isa::kFunctions, static_cast<std::uint8_t>(a.activation));
        if (!f)
            f = isa::find_choice(isa::kGates, static_cast<std::uint8_t>(a.activation));
        std::string s = fmt::format(" {}", f ? f->name : "?");
        if (a.first != 0 || a.second != 0)
            s += fmt::format(" {} {}", a.first, a.second);
        return s;
    }
    std::string operator()(const ScaleAttributes& a) const {
        return a.scale == 1 ? "" : fmt::format(" scale {}", a.scale);
    }
    std::string operator()(const RepeatAttributes& a) const {
        return fmt::format(" {} times, {} columns apart", a.copies, a.step);
    }
    std::string operator()(const RouteAttributes& a) const {
        const isa::Choice* score =
            isa::find_choice(isa::kScores, static_cast<std::uint8_t>(a.score));
        std::string s =
            fmt::format(" {} of {} by {}", a.chosen, a.experts, score ? score->name : "?");
        if (a.groups != 0)
            s += fmt::format(" in {} of {} groups{}{}", a.groups_kept, a.groups,
                             a.group_sum2 ? " by their best two" : "",
                             a.mask_out ? ", others masked" : "");
        if (a.renormalise)
            s += fmt::format(", renormalised + {}", a.eps);
        if (a.scale != 1)
            s += fmt::format(", scale {}", a.scale);
        return s;
    }
    std::string operator()(const ConvAttributes& a) const {
        return fmt::format(" {} taps{}", a.taps, place(a.cache));
    }
    std::string operator()(const ExchangeAttributes& a) const {
        return fmt::format(" part {} of {} from rank {} on", a.part, a.parts, a.first);
    }
    std::string operator()(const PeerAttributes& a) const {
        return fmt::format(" rank {}", a.rank);
    }

    static std::string place(const CachePlace& cache) {
        return fmt::format(", cache at {}{}", cache.offset,
                           cache.stride == 0 ? "" : fmt::format(" + {}", cache.stride));
    }
};

std::string describe(const Graph& g, ValueId id) {
    const Value& v = g.values[id];
    std::string s = fmt::format("%{}:{} [{},{}]", id, v.name, letter_of(v.rows), v.width);
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
        s += fmt::format("constant @{}:{} {} [{},{}]{}{}", i, c.name, name_of_kind(c.kind), c.n,
                         c.k, c.experts != 0 ? fmt::format(" of {} experts", c.experts) : "",
                         c.layers.count != 0 ? " of " + name_of(c.layers) : "");
        if (c.kind == ConstantKind::kMatrix)
            s += fmt::format(" {}",
                             c.quantised ? isa::weight_info(c.format).name : "as in the source");
        s += '\n';
    }
    for (ValueId id = 0; id < g.values.size(); ++id)
        s += fmt::format("value {}\n", describe(g, id));
    for (const Block& block : g.blocks) {
        s += fmt::format("block {} x {}\n", block.name, std::max(1u, block.rounds()));
        for (const Node& node : block.nodes) {
            s += "  ";
            std::string outs;
            node.each_out([&](ValueId out) {
                outs += fmt::format("{}%{}:{}", outs.empty() ? "" : ", ", out, g.values[out].name);
            });
            s += outs.empty() ? "" : outs + " = ";
            s += name_of(node.op);
            for (const ValueId in : node.in)
                s += fmt::format(" %{}:{}", in, g.values[in].name);
            for (const ConstantId c : {node.weight, node.bias})
                if (c != kNone)
                    s += fmt::format(" @{}:{}", c, g.constants[c].name);
            s += std::visit(Describe{}, node.attributes) + '\n';
        }
    }
    return s;
}

}  // namespace skald::compiler::ir
