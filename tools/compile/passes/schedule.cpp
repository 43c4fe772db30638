// SPDX-License-Identifier: MIT
#include <algorithm>

#include "passes/passes.hpp"

namespace skald::compiler {
namespace {

using namespace ir;

bool touches_cache(const Node& node) {
    return node.op == Op::kKvAppend || node.op == Op::kAttention || node.op == Op::kConv;
}

bool reads(const Graph& g, const Node& node, ValueId value) {
    return std::any_of(node.in.begin(), node.in.end(),
                       [&](ValueId in) { return g.overlap(in, value); });
}

// Other cards do it in the same order.
bool exchanges(const Node& node) {
    return node.op == Op::kAllGather || node.op == Op::kAllReduce || node.op == Op::kSend ||
           node.op == Op::kRecv;
}

// `b` comes after `a` in the source order; must it stay there?
bool depends(const Graph& g, const Node& a, const Node& b) {
    bool depends = (touches_cache(a) && touches_cache(b)) || (exchanges(a) && exchanges(b));
    a.each_out([&](ValueId out) { depends |= reads(g, b, out); });
    b.each_out([&](ValueId out) {
        depends |= reads(g, a, out);
        a.each_out([&](ValueId earlier) { depends |= g.overlap(earlier, out); });
    });
    return depends;
}

// Columns, counted for each row of a step.
std::int64_t columns_of(const Graph& g, const Value& value) {
    const bool routed = value.rows == Rows::kRouted;
    return value.rows == Rows::kOne ? 0 : std::int64_t{value.width} * (routed ? g.chosen : 1);
}
std::int64_t width_of_root(const Graph& g, ValueId value) {
    return columns_of(g, g.values[g.root_of(value)]);
}

class BlockScheduler {
  public:
    BlockScheduler(const Graph& graph, const Block& block)
        : g_(graph), block_(block), done_(block.nodes.size()) {}

    std::vector<Node> run() {
        std::vector<Node> order;
        while (order.size() < block_.nodes.size()) {
            const std::size_t next = choose();
            done_[next] = true;
            order.push_back(block_.nodes[next]);
        }
        return order;
    }

  private:
    bool ready(std::size_t i) const {
        if (done_[i])
            return false;
        for (std::size_t j = 0; j < i; ++j)
            if (!done_[j] && depends(g_, block_.nodes[j], block_.nodes[i]))
                return false;
        return true;
    }

    // Columns that come alive less those that die if this node is next.
    std::int64_t growth(std::size_t i) const {
        const Node& node = block_.nodes[i];
        std::int64_t columns = 0;
        node.each_out([&](ValueId out) {
            if (g_.values[out].parent == kNone)
                columns += columns_of(g_, g_.values[out]);
        });
        for (const ValueId in : node.in)
            if (dies_with(in, i))
                columns -= width_of_root(g_, in);
        return columns;
    }

    bool dies_with(ValueId value, std::size_t node) const {
        const ValueId root = g_.root_of(value);
        if (block_.carried_out != kNone && g_.root_of(block_.carried_out) == root)
            return false;
        for (std::size_t j = 0; j < block_.nodes.size(); ++j) {
            if (done_[j] || j == node)
                continue;
            const auto& in = block_.nodes[j].in;
            if (std::any_of(in.begin(), in.end(), [&](ValueId v) { return g_.root_of(v) == root; }))
                return false;
        }
        return true;
    }

    std::size_t choose() const {
        std::size_t best = block_.nodes.size();
        std::int64_t least = 0;
        for (std::size_t i = 0; i < block_.nodes.size(); ++i) {
            if (!ready(i))
                continue;
            const std::int64_t cost = growth(i);
            if (best == block_.nodes.size() || cost < least) {
                best = i;
                least = cost;
            }
        }
        return best;
    }

    const Graph& g_;
    const Block& block_;
    std::vector<bool> done_;
};

}  // namespace

void schedule(Graph& graph, const PassOptions&) {
    for (Block& block : graph.blocks)
        block.nodes = BlockScheduler(graph, block).run();
}

}  // namespace skald::compiler
