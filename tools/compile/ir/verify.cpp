// SPDX-License-Identifier: MIT
// The rules of the graph, executable. A rule is broken only by a bug in the compiler; the message
// says where to look.
#include <algorithm>

#include "error.hpp"
#include "ir/graph.hpp"

namespace skald::compiler::ir {
namespace {

enum class Want : std::uint8_t { kNo, kYes, kMay };

struct Arity {
    std::size_t least, most;
    bool out;
    Want weight = Want::kNo, bias = Want::kNo;
    std::size_t more = 0;  // outputs
};

Arity arity_of(Op op) {
    using enum Want;
    switch (op) {
        case Op::kGather:
            return {0, 0, true, kYes};
        case Op::kNorm:
            return {1, 1, true, kMay, kMay};
        case Op::kMatMul:
            return {1, 2, true, kYes, kMay};
        case Op::kRope:
            return {1, 1, true, kYes};
        case Op::kKvAppend:
            return {2, 2, false};
        case Op::kAttention:
            return {1, 1, true, kMay};
        case Op::kGlu:
        case Op::kAdd:
        case Op::kMul:
            return {2, 2, true};
        case Op::kActivation:
        case Op::kAllReduce:
            return {1, 1, true};
        case Op::kRepeat:
            return {2, 2, true};
        case Op::kRoute:
            return {1, 1, true, kNo, kMay, 3};
        case Op::kGroupedMatMul:
            return {2, 3, true, kYes, kMay};
        case Op::kCombine:
            return {3, 4, true};
        case Op::kConv:
            return {1, 1, true, kYes, kMay};
        case Op::kSelectRows:
            return {1, 1, true};
        case Op::kLogits:
        case Op::kSend:
            return {1, 1, false};
        case Op::kQuant:
            return {1, 1, true, kNo, kNo, 2};
        case Op::kMatMulQ8:
            return {2, 3, true, kYes, kMay};
        case Op::kAllGather:
            return {1, 2, true};
        case Op::kRecv:
            return {0, 0, true};
    }
    return {};
}

// Which input the output may lie on top of; kNone: none.
std::size_t in_place_input(Op op) {
    switch (op) {
        case Op::kNorm:
        case Op::kRope:
        case Op::kGlu:
        case Op::kActivation:
        case Op::kAdd:
        case Op::kMul:
        case Op::kConv:
        case Op::kAllReduce:
            return 0;
        case Op::kMatMul:
        case Op::kRepeat:
            return 1;
        case Op::kMatMulQ8:
            return 2;
        case Op::kCombine:
            return 3;
        default:
            return kNone;
    }
}

// The alternative of Attributes that an op has.
bool has_attributes(const Node& node) {
    switch (node.op) {
        case Op::kGather:
            return std::holds_alternative<GatherAttributes>(node.attributes);
        case Op::kNorm:
            return std::holds_alternative<NormAttributes>(node.attributes);
        case Op::kRope:
            return std::holds_alternative<RopeAttributes>(node.attributes);
        case Op::kKvAppend:
            return std::holds_alternative<KvAttributes>(node.attributes);
        case Op::kAttention:
            return std::holds_alternative<AttentionAttributes>(node.attributes);
        case Op::kGlu:
        case Op::kActivation:
            return std::holds_alternative<FunctionAttributes>(node.attributes);
        case Op::kAdd:
        case Op::kMul:
            return std::holds_alternative<ScaleAttributes>(node.attributes);
        case Op::kRepeat:
            return std::holds_alternative<RepeatAttributes>(node.attributes);
        case Op::kRoute:
            return std::holds_alternative<RouteAttributes>(node.attributes);
        case Op::kConv:
            return std::holds_alternative<ConvAttributes>(node.attributes);
        case Op::kAllGather:
        case Op::kAllReduce:
            return std::holds_alternative<ExchangeAttributes>(node.attributes);
        case Op::kSend:
        case Op::kRecv:
            return std::holds_alternative<PeerAttributes>(node.attributes);
        case Op::kMatMul:
        case Op::kMatMulQ8:
        case Op::kGroupedMatMul:
        case Op::kCombine:
        case Op::kQuant:
        case Op::kSelectRows:
        case Op::kLogits:
            return std::holds_alternative<std::monostate>(node.attributes);
    }
    return false;
}

class Verifier {
  public:
    explicit Verifier(const Graph& graph) : g_(graph) {}

    void run() {
        check_values();
        check_constants();
        check_blocks();
        available_.assign(g_.values.size(), false);
        defined_.assign(g_.values.size(), false);
        mark_node_outputs();
        for (const Block& block : g_.blocks) {
            block_ = &block;
            for (index_ = 0; index_ < block.nodes.size(); ++index_)
                check_node(block.nodes[index_]);
            check_carried(block);
        }
    }

  private:
    template <typename... Args>
    [[noreturn]] void broken(fmt::format_string<Args...> format, Args&&... args) const {
        fail("internal error: the graph is broken: {}",
             fmt::format(format, std::forward<Args>(args)...));
    }

    template <typename... Args>
    void require(bool ok, const Node& node, fmt::format_string<Args...> format,
                 Args&&... args) const {
        if (!ok)
            broken("block {}, node {} ({}): {}", block_->name, index_, name_of(node.op),
                   fmt::format(format, std::forward<Args>(args)...));
    }

    void check_values() const {
        for (ValueId id = 0; id < g_.values.size(); ++id) {
            const Value& v = g_.values[id];
            if (v.width == 0)
                broken("value {} ({}) has no columns", id, v.name);
            if (v.parent == kNone)
                continue;
            std::size_t steps = 0;
            for (ValueId up = id; up != kNone; up = g_.values[up].parent)
                if (up >= g_.values.size() || ++steps > g_.values.size())
                    broken("value {} ({}) has no root", id, v.name);
            const Value& parent = g_.values[v.parent];
            if (v.rows != parent.rows)
                broken("value {} ({}) has other rows than what it is a view of", id, v.name);
            if (v.column > parent.width || v.width > parent.width - v.column)
                broken("value {} ({}) is a view beyond the columns of value {}", id, v.name,
                       v.parent);
        }
    }

    void check_constants() const {
        for (const Constant& c : g_.constants) {
            const bool table = c.kind == ConstantKind::kRotaryTable;
            if (c.n == 0 || c.k == 0 || c.parts.empty() != table ||
                (table && c.table >= g_.tables.size()))
                broken("constant {} has no content", c.name);
            for (const ParameterId part : c.parts)
                check_parameter(c, part);
            if (!table)
                check_size(c);
        }
    }

    void check_parameter(const Constant& c, ParameterId id) const {
        if (id >= g_.parameters.size())
            broken("constant {} names parameter {}", c.name, id);
        const Parameter& p = g_.parameters[id];
        if (p.of.size() != std::max(1u, c.layers.count))
            broken("constant {} of {} layers is made of {} {}", c.name, c.layers.count, p.of.size(),
                   p.role);
        for (const auto& experts : p.of)
            if (experts.size() != c.copies())
                broken("constant {} of {} experts is made of {}", c.name, c.copies(),
                       experts.size());
    }

    // All rounds and experts have the shape that the constant says.
    void check_size(const Constant& c) const {
        for (std::uint32_t round = 0; round < std::max(1u, c.layers.count); ++round)
            for (std::uint32_t expert = 0; expert < c.copies(); ++expert) {
                std::uint64_t n = 0, numbers = 0;
                bool wide = true;
                for (const Expr& e : g_.expressions(c, round, expert)) {
                    n += e->rows();
                    numbers += e->rows() * e->columns();
                    wide &= e->columns() == c.k;
                }
                const bool fits =
                    c.kind == ConstantKind::kMatrix ? n == c.n && wide : numbers == c.k;
                if (!fits)
                    broken("constant {} [{},{}] is made of other shapes", c.name, c.n, c.k);
            }
    }

    // One after the other the runs are all layers.
    void check_blocks() const {
        if (g_.blocks.size() < 3 || g_.embedding().layers.count != 0 || g_.head().layers.count != 0)
            broken("it has no embedding, layers and head");
        std::uint32_t next = 0;
        for (const Block& block : g_.runs()) {
            if (block.layers.first != next || block.layers.count == 0)
                broken("block {} does not begin with layer {}", block.name, next);
            if (block.period == 0 || block.layers.count % block.period != 0 ||
                block.layers.step != 1)
                broken("block {} is no whole number of rounds", block.name);
            next += block.layers.count;
        }
        if (next != g_.layers)
            broken("its blocks have {} layers of {}", next, g_.layers);
    }

    void mark_node_outputs() {
        for (const Block& block : g_.blocks)
            for (const Node& node : block.nodes)
                node.each_out([&](ValueId out) {
                    if (out < g_.values.size())
                        defined_[out] = true;
                });
    }

    void check_node(const Node& node) {
        const Arity arity = arity_of(node.op);
        require(node.in.size() >= arity.least && node.in.size() <= arity.most, node,
                "has {} inputs", node.in.size());
        require((node.out != kNone) == arity.out, node, "{} an output",
                arity.out ? "lacks" : "has");
        // Of values that are gathered each becomes a whole.
        const std::size_t more = node.op == Op::kAllGather ? node.in.size() - 1 : arity.more;
        require(node.more.size() == more, node, "has {} further outputs", node.more.size());
        const auto wants = [&](ConstantId c, Want want) {
            return want == Want::kMay || (c != kNone) == (want == Want::kYes);
        };
        require(wants(node.weight, arity.weight), node, "{} a weight",
                arity.weight == Want::kYes ? "lacks" : "has");
        require(wants(node.bias, arity.bias), node, "has a bias");
        require(has_attributes(node), node, "has attributes of another kind of node");
        for (const ConstantId c : {node.weight, node.bias}) {
            require(c == kNone || c < g_.constants.size(), node, "names constant {}", c);
            if (c == kNone)
                continue;
            const LayerRun of = g_.constants[c].layers;
            require(of.count == 0 || block_->owns(of), node,
                    "uses a constant of {} outside of them", name_of(of));
        }
        for (const ValueId in : node.in) {
            require(in < g_.values.size(), node, "names value {}", in);
            require(available_[in], node,
                    "uses value {} ({}), which is not there (yet, or any more)", in,
                    g_.values[in].name);
        }
        check_shapes(node);
        node.each_out([&](ValueId out) { define(node, out); });
    }

    std::uint32_t width(ValueId id) const { return g_.values[id].width; }

    void check_matrix(const Node& node, std::uint32_t n, std::uint32_t k) const {
        const Constant& w = g_.constants[node.weight];
        require(w.kind == ConstantKind::kMatrix && w.n == n && w.k == k, node,
                "needs a matrix [{},{}], {} is [{},{}]", n, k, w.name, w.n, w.k);
        require((w.experts != 0) == (node.op == Op::kGroupedMatMul), node,
                "{} the matrices of experts", w.experts != 0 ? "has" : "lacks");
    }
    void check_vector(const Node& node, ConstantId id, std::uint32_t k) const {
        const Constant& c = g_.constants[id];
        require(c.kind == ConstantKind::kVector && c.k == k, node,
                "needs a vector [{}], {} is [{}]", k, c.name, c.k);
    }
    void check_width(const Node& node, ValueId value, std::uint32_t w) const {
        require(width(value) == w, node, "{} has {} columns, needs {}", g_.values[value].name,
                width(value), w);
    }
    void check_rows(const Node& node, ValueId value, Rows rows) const {
        require(g_.values[value].rows == rows, node, "{} has rows of another kind",
                g_.values[value].name);
    }
    void check_cache(const Node& node, const CachePlace& cache, std::uint64_t bytes) const {
        const std::uint64_t last = cache.offset + (block_->rounds() - 1) * cache.stride;
        require(last + bytes <= g_.block_bytes, node, "keeps its rows beyond the end of a block");
        require(block_->rounds() < 2 || cache.stride >= bytes, node,
                "keeps the rows of one layer where those of another are");
    }

    void check_shapes(const Node& node) const {
        node.each_out(
            [&](ValueId out) { require(out < g_.values.size(), node, "defines value {}", out); });
        const auto same_rows = [&] {
            for (const ValueId in : node.in)
                require(g_.values[in].rows == g_.values[node.out].rows, node, "mixes rows");
        };
        const auto equal_widths = [&](std::uint32_t w) {
            for (const ValueId in : node.in)
                require(width(in) == w, node, "input {} has {} columns, needs {}",
                        g_.values[in].name, width(in), w);
        };
        switch (node.op) {
            case Op::kGather:
                check_matrix(node, g_.constants[node.weight].n, width(node.out));
                require(node.as<GatherAttributes>().by_position ||
                            g_.constants[node.weight].n == g_.vocabulary,
                        node, "looks tokens up in {} rows", g_.constants[node.weight].n);
                break;
            case Op::kNorm:
                check_norm(node);
                same_rows();
                equal_widths(width(node.out));
                break;
            case Op::kMatMul:
                same_rows();
                check_matrix(node, width(node.out), width(node.in[0]));
                if (node.bias != kNone)
                    check_vector(node, node.bias, width(node.out));
                require(node.in.size() == 1 || g_.same_place(node.in[1], node.out), node,
                        "has a residual that its output does not lie on");
                break;
            case Op::kRope:
                check_rope(node);
                break;
            case Op::kKvAppend: {
                const auto& a = node.as<KvAttributes>();
                check_width(node, node.in[0], a.kv_heads * a.k_dim);
                check_width(node, node.in[1], a.kv_heads * a.v_dim);
                check_cache(
                    node, a.cache,
                    isa::kv_layer_bytes(g_.kv_format, a.kv_heads, isa::HeadDims{a.k_dim, a.v_dim}));
                break;
            }
            case Op::kAttention:
                check_attention(node);
                break;
            case Op::kGlu:
            case Op::kActivation:
            case Op::kAdd:
                same_rows();
                equal_widths(width(node.out));
                break;
            case Op::kMul:
                same_rows();
                check_width(node, node.in[0], width(node.out));
                require(width(node.in[1]) == 1 || width(node.in[1]) == width(node.out), node,
                        "has a factor of {} columns", width(node.in[1]));
                break;
            case Op::kRepeat: {
                const auto& a = node.as<RepeatAttributes>();
                require(g_.same_place(node.in[1], node.out), node, "is not in place");
                require(a.copies > 0 && a.step >= width(node.in[0]) &&
                            (a.copies - 1) * a.step + width(node.in[0]) <= width(node.out),
                        node, "writes beyond the columns of its output");
                break;
            }
            case Op::kRoute:
                check_route(node);
                break;
            case Op::kGroupedMatMul:
                check_grouped(node);
                break;
            case Op::kCombine:
                check_rows(node, node.in[0], Rows::kRouted);
                check_rows(node, node.in[1], Rows::kRouted);
                check_width(node, node.in[0], width(node.out));
                check_width(node, node.in[1], 1);
                require(node.in.size() == 3 || g_.same_place(node.in[3], node.out), node,
                        "has a residual that its output does not lie on");
                break;
            case Op::kConv: {
                const auto& a = node.as<ConvAttributes>();
                equal_widths(width(node.out));
                check_vector(node, node.weight, a.taps * width(node.out));
                if (node.bias != kNone)
                    check_vector(node, node.bias, width(node.out));
                check_cache(node, a.cache, isa::conv_layer_bytes(width(node.out)));
                break;
            }
            case Op::kSelectRows:
                equal_widths(width(node.out));
                require(g_.values[node.in[0]].rows == Rows::kBatch &&
                            g_.values[node.out].rows == Rows::kSelected,
                        node, "does not go from T to S rows");
                break;
            case Op::kLogits:
                equal_widths(g_.vocabulary);
                break;
            case Op::kQuant:
                same_rows();
                require(width(node.in[0]) % isa::kQuantBlock == 0, node,
                        "quantises {} columns, no whole blocks", width(node.in[0]));
                check_width(node, node.out, width(node.in[0]) / 4);
                for (const ValueId out : node.more)
                    check_width(node, out, width(node.in[0]) / isa::kQuantBlock);
                break;
            case Op::kMatMulQ8:
                same_rows();
                check_matrix(node, width(node.out), width(node.in[0]) * 4);
                check_width(node, node.in[1], width(node.in[0]) * 4 / isa::kQuantBlock);
                if (node.bias != kNone)
                    check_vector(node, node.bias, width(node.out));
                require(node.in.size() == 2 || g_.same_place(node.in[2], node.out), node,
                        "has a residual that its output does not lie on");
                break;
            case Op::kAllGather:
                check_gather(node);
                break;
            case Op::kAllReduce:
                require(g_.same_place(node.in[0], node.out), node, "is not in place");
                break;
            case Op::kSend:
                check_rows(node, node.in[0], Rows::kBatch);
                break;
            case Op::kRecv:
                check_rows(node, node.out, Rows::kBatch);
                break;
        }
    }

    // What each card gives are its columns of what all get.
    void check_gather(const Node& node) const {
        const auto& a = node.as<ExchangeAttributes>();
        require(a.part < a.parts && a.first + a.part == g_.share.rank(), node,
                "is part {} of {} from rank {} on", a.part, a.parts, a.first);
        std::size_t i = 0;
        node.each_out([&](ValueId whole) {
            const ValueId own = node.in[i++];
            require(g_.root_of(own) == g_.root_of(whole) && width(whole) == a.parts * width(own) &&
                        g_.column_of(own) == g_.column_of(whole) + a.part * width(own),
                    node, "{} is not this card's part of {}", g_.values[own].name,
                    g_.values[whole].name);
        });
    }

    void check_norm(const Node& node) const {
        const auto& a = node.as<NormAttributes>();
        const std::uint32_t w = width(node.out);
        require(a.kind != Norm::Kind::kNone, node, "is no norm");
        require(a.group == 0 || w % a.group == 0, node, "has {} columns, not whole groups of {}", w,
                a.group);
        require(node.bias == kNone || a.kind == Norm::Kind::kLayer, node, "has a bias");
        require(node.bias == kNone || node.weight != kNone, node, "has a bias and no gain");
        for (const ConstantId c : {node.weight, node.bias})
            if (c != kNone)
                check_vector(node, c, a.group != 0 && g_.constants[c].k == a.group ? a.group : w);
    }

    void check_rope(const Node& node) const {
        const auto& a = node.as<RopeAttributes>();
        require(g_.same_place(node.in[0], node.out), node, "is not in place");
        require(a.head_dim != 0 && width(node.out) % a.head_dim == 0, node,
                "has {} columns, not whole heads", width(node.out));
        const Constant& table = g_.constants[node.weight];
        require(
            table.kind == ConstantKind::kRotaryTable && table.k == a.dims && a.dims <= a.head_dim,
            node, "has no table");
    }

    void check_attention(const Node& node) const {
        const auto& a = node.as<AttentionAttributes>();
        require(a.kv_heads != 0 && a.heads % a.kv_heads == 0, node, "has heads that do not divide");
        check_width(node, node.in[0], a.heads * a.k_dim);
        require(width(node.out) == a.heads * a.v_dim, node, "has an output of {} columns",
                width(node.out));
        require((node.weight != kNone) == (a.soft_cap || a.sinks), node,
                "has parameters that nothing wants, or lacks them");
        if (node.weight != kNone)
            check_vector(node, node.weight,
                         static_cast<std::uint32_t>(sizeof(isa::AttentionParams) / sizeof(float)) +
                             (a.sinks ? a.heads : 0));
        check_cache(node, a.cache,
                    isa::kv_layer_bytes(g_.kv_format, a.kv_heads, isa::HeadDims{a.k_dim, a.v_dim}));
    }

    void check_route(const Node& node) const {
        const auto& a = node.as<RouteAttributes>();
        require(a.chosen == g_.chosen, node, "chooses {} experts where others choose {}", a.chosen,
                g_.chosen);
        check_width(node, node.in[0], a.experts);
        check_width(node, node.out, a.chosen);
        check_rows(node, node.out, Rows::kBatch);
        if (node.bias != kNone)
            check_vector(node, node.bias, a.experts);
        check_width(node, node.more[0], a.experts + 1);
        check_rows(node, node.more[0], Rows::kOne);
        for (const std::size_t i : {1u, 2u}) {
            check_width(node, node.more[i], 1);
            check_rows(node, node.more[i], Rows::kRouted);
        }
        node.each_out([&](ValueId out) {
            require(g_.values[out].parent == kNone, node, "does not put out whole values");
        });
    }

    void check_grouped(const Node& node) const {
        check_matrix(node, width(node.out), width(node.in[0]));
        check_rows(node, node.out, Rows::kRouted);
        check_rows(node, node.in[0], node.in.size() == 3 ? Rows::kBatch : Rows::kRouted);
        check_rows(node, node.in[1], Rows::kOne);
        check_width(node, node.in[1], g_.constants[node.weight].experts + 1);
        if (node.in.size() == 3)
            check_rows(node, node.in[2], Rows::kRouted);
        if (node.bias == kNone)
            return;
        check_vector(node, node.bias, width(node.out));
        require(g_.constants[node.bias].experts == g_.constants[node.weight].experts, node,
                "has biases of other experts");
    }

    // A new value: it and its views are there; whatever else lies on its storage is not any more.
    void define(const Node& node, ValueId out) {
        require(!available_[out], node, "defines value {} ({}) again", out, g_.values[out].name);
        const std::size_t may = in_place_input(node.op);
        for (std::size_t i = 0; i < node.in.size(); ++i)
            require(node.op == Op::kAllGather || !g_.overlap(node.in[i], out) ||
                        (i == may && g_.same_place(node.in[i], out)),
                    node, "writes over its input {}", g_.values[node.in[i]].name);
        for (ValueId id = 0; id < g_.values.size(); ++id) {
            if (is_view_of(id, out))
                available_[id] = true;
            else if (g_.overlap(id, out))
                available_[id] = false;
        }
    }

    // `id` is `of`, or a view of it that no node in between defines.
    bool is_view_of(ValueId id, ValueId of) const {
        for (; id != of; id = g_.values[id].parent)
            if (g_.values[id].parent == kNone || defined_[id])
                return false;
        return true;
    }

    void check_carried(const Block& block) const {
        const bool has = block.carried_in != kNone && block.carried_out != kNone;
        if (block.layers.count != 0 && !has)
            broken("nothing is carried from layer to layer by block {}", block.name);
        if (has &&
            (block.carried_in >= g_.values.size() || block.carried_out >= g_.values.size() ||
             !g_.same_place(block.carried_in, block.carried_out) || !available_[block.carried_out]))
            broken("block {} does not leave its result where it found its input", block.name);
    }

    const Graph& g_;
    std::vector<bool> available_;  // holds its content at this point
    std::vector<bool> defined_;    // is the output of some node
    const Block* block_ = nullptr;
    std::size_t index_ = 0;
};

}  // namespace

void verify(const Graph& graph) {
    Verifier(graph).run();
}

}  // namespace skald::compiler::ir
