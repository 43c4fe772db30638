// SPDX-License-Identifier: MIT
// The rules of the graph, executable. A rule is broken only by a bug in the compiler; the message
// says where to look.
#include "error.hpp"
#include "ir/graph.hpp"

namespace skald::compiler::ir {
namespace {

struct Arity {
    std::size_t least, most;
    bool out, weight;
};

Arity arity_of(Op op) {
    switch (op) {
        case Op::kGather:
            return {0, 0, true, true};
        case Op::kRmsNorm:
            return {1, 1, true, true};
        case Op::kMatMul:
            return {1, 2, true, true};
        case Op::kRope:
            return {1, 1, true, true};
        case Op::kKvAppend:
            return {2, 2, false, false};
        case Op::kAttention:
            return {1, 1, true, false};
        case Op::kGlu:
            return {2, 2, true, false};
        case Op::kAdd:
            return {2, 2, true, false};
        case Op::kSelectRows:
            return {1, 1, true, false};
        case Op::kLogits:
            return {1, 1, false, false};
    }
    return {};
}

// Which input the output may lie on top of; kNone: none.
std::size_t in_place_input(Op op) {
    switch (op) {
        case Op::kRmsNorm:
        case Op::kRope:
        case Op::kGlu:
        case Op::kAdd:
            return 0;
        case Op::kMatMul:
            return 1;
        default:
            return kNone;
    }
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
        for (const Constant& c : g_.constants)
            if (c.n == 0 || c.k == 0 || (c.parts.empty() != (c.kind == ConstantKind::kRotaryTable)))
                broken("constant {} has no content", c.name);
    }

    // One after the other the runs are all layers.
    void check_blocks() const {
        if (g_.blocks.size() < 3 || g_.embedding().layers.count != 0 || g_.head().layers.count != 0)
            broken("it has no embedding, layers and head");
        std::uint32_t next = 0;
        for (const Block& block : g_.runs()) {
            if (block.layers.first != next || block.layers.count == 0)
                broken("block {} does not begin with layer {}", block.name, next);
            next += block.layers.count;
        }
        if (next != g_.layers)
            broken("its blocks have {} layers of {}", next, g_.layers);
    }

    void mark_node_outputs() {
        for (const Block& block : g_.blocks)
            for (const Node& node : block.nodes)
                if (node.out != kNone && node.out < g_.values.size())
                    defined_[node.out] = true;
    }

    void check_node(const Node& node) {
        const Arity arity = arity_of(node.op);
        require(node.in.size() >= arity.least && node.in.size() <= arity.most, node,
                "has {} inputs", node.in.size());
        require((node.out != kNone) == arity.out, node, "{} an output",
                arity.out ? "lacks" : "has");
        require((node.weight != kNone) == arity.weight, node, "{} a weight",
                arity.weight ? "lacks" : "has");
        require(node.bias == kNone || node.op == Op::kMatMul, node, "has a bias");
        for (const ConstantId c : {node.weight, node.bias}) {
            require(c == kNone || c < g_.constants.size(), node, "names constant {}", c);
            if (c == kNone)
                continue;
            const LayerRun of = g_.constants[c].layers;
            require(of.count == 0 || of == block_->layers, node,
                    "uses a constant of {} outside of them", name_of(of));
        }
        for (const ValueId in : node.in) {
            require(in < g_.values.size(), node, "names value {}", in);
            require(available_[in], node,
                    "uses value {} ({}), which is not there (yet, or any more)", in,
                    g_.values[in].name);
        }
        check_shapes(node);
        if (node.out != kNone)
            define(node);
    }

    std::uint32_t width(ValueId id) const { return g_.values[id].width; }

    void check_matrix(const Node& node, std::uint32_t n, std::uint32_t k) const {
        const Constant& w = g_.constants[node.weight];
        require(w.kind == ConstantKind::kMatrix && w.n == n && w.k == k, node,
                "needs a matrix [{},{}], {} is [{},{}]", n, k, w.name, w.n, w.k);
    }
    void check_vector(const Node& node, ConstantId id, std::uint32_t k) const {
        const Constant& c = g_.constants[id];
        require(c.kind == ConstantKind::kVector && c.k == k, node,
                "needs a vector [{}], {} is [{}]", k, c.name, c.k);
    }

    void check_shapes(const Node& node) const {
        require(node.out == kNone || node.out < g_.values.size(), node, "defines value {}",
                node.out);
        const auto same_rows = [&] {
            for (const ValueId in : node.in)
                require(g_.values[in].rows == g_.values[node.out].rows, node, "mixes T and S rows");
        };
        const auto equal_widths = [&](std::uint32_t w) {
            for (const ValueId in : node.in)
                require(width(in) == w, node, "input {} has {} columns, needs {}",
                        g_.values[in].name, width(in), w);
        };
        switch (node.op) {
            case Op::kGather:
                check_matrix(node, g_.vocabulary, width(node.out));
                break;
            case Op::kRmsNorm:
                same_rows();
                equal_widths(width(node.out));
                check_vector(node, node.weight, width(node.out));
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
                require(g_.same_place(node.in[0], node.out), node, "is not in place");
                require(width(node.out) % g_.head_dim == 0, node, "has {} columns, not whole heads",
                        width(node.out));
                require(g_.constants[node.weight].kind == ConstantKind::kRotaryTable, node,
                        "has no table");
                break;
            case Op::kKvAppend:
                equal_widths(g_.kv_heads * g_.head_dim);
                break;
            case Op::kAttention:
                equal_widths(g_.heads * g_.head_dim);
                require(width(node.out) == g_.heads * g_.head_dim, node,
                        "has an output of {} columns", width(node.out));
                break;
            case Op::kGlu:
            case Op::kAdd:
                same_rows();
                equal_widths(width(node.out));
                break;
            case Op::kSelectRows:
                equal_widths(width(node.out));
                require(g_.values[node.in[0]].rows == Rows::kBatch &&
                            g_.values[node.out].rows == Rows::kSelected,
                        node, "does not go from T to S rows");
                break;
            case Op::kLogits:
                equal_widths(g_.vocabulary);
                break;
        }
    }

    // A new value: it and its views are there; whatever else lies on its storage is not any more.
    void define(const Node& node) {
        const ValueId out = node.out;
        require(!available_[out], node, "defines value {} ({}) again", out, g_.values[out].name);
        const std::size_t may = in_place_input(node.op);
        for (std::size_t i = 0; i < node.in.size(); ++i)
            require(!g_.overlap(node.in[i], out) || (i == may && g_.same_place(node.in[i], out)),
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
