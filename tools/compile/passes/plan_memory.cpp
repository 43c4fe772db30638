// SPDX-License-Identifier: MIT
#include <algorithm>

#include "passes/passes.hpp"

namespace skald::compiler {
namespace {

using namespace ir;

constexpr std::uint64_t kAlign = 64;  // bytes: a cache line, and what the widest vector unit likes
constexpr std::uint32_t kPitchAlign =
    16;  // f32: an operand's pitch counts 16 bytes, rows of 64 are kinder

constexpr std::uint64_t align(std::uint64_t value, std::uint64_t to) {
    return (value + to - 1) / to * to;
}

struct Life {
    ValueId root;
    std::uint64_t bytes;
    std::size_t first, last;  // node numbers over all blocks, both included
};

bool has_narrower_view(const Graph& g, ValueId root) {
    for (ValueId id = 0; id < g.values.size(); ++id)
        if (g.values[id].width != g.values[root].width && g.root_of(id) == root)
            return true;
    return false;
}

class Lives {
  public:
    explicit Lives(const Graph& graph) : g_(graph), lives_(graph.values.size()) {
        std::size_t number = 0;
        for (const Block& block : g_.blocks) {
            const std::size_t begin = number;
            for (const Node& node : block.nodes)
                touch(node, number++);
            extend_over_loop(block, begin, number);
        }
        extend_selected();
    }

    std::vector<Life> roots() const {
        std::vector<Life> out;
        for (ValueId id = 0; id < lives_.size(); ++id)
            if (lives_[id].used)
                out.push_back({id, 0, lives_[id].first, lives_[id].last});
        return out;
    }

  private:
    struct Range {
        bool used = false;
        std::size_t first = 0, last = 0;
    };

    void touch(ValueId value, std::size_t number) {
        Range& r = lives_[g_.root_of(value)];
        if (!r.used)
            r = {true, number, number};
        r.last = std::max(r.last, number);
    }

    void touch(const Node& node, std::size_t number) {
        for (const ValueId in : node.in)
            touch(in, number);
        node.each_out([&](ValueId out) { touch(out, number); });
    }

    // What was there before a repeated block and is used in it is needed by its next time as well.
    void extend_over_loop(const Block& block, std::size_t begin, std::size_t end) {
        if (block.rounds() < 2)
            return;
        for (Range& r : lives_)
            if (r.used && r.first < begin && r.last >= begin)
                r.last = std::max(r.last, end - 1);
    }

    // A decode step has nothing to select: there the selected rows are the batch's own
    // (backend/decoder_program.cpp), so those live as long.
    void extend_selected() {
        for (const Block& block : g_.blocks)
            for (const Node& node : block.nodes)
                if (node.op == Op::kSelectRows) {
                    Range& from = lives_[g_.root_of(node.in[0])];
                    from.last = std::max(from.last, lives_[g_.root_of(node.out)].last);
                }
    }

    const Graph& g_;
    std::vector<Range> lives_;
};

// Below this many rows a step is bound by reading weights whatever the workspace.
constexpr std::uint32_t kLeastRows = 32;

void place(Graph& graph, std::vector<Life> lives) {
    for (const Life& life : lives) {
        Value& v = graph.values[life.root];
        v.pitch = has_narrower_view(graph, life.root)
                      ? static_cast<std::uint32_t>(align(v.width, kPitchAlign))
                      : v.width;
    }
    // The batch's own rows stand for those that are selected.
    for (const Block& block : graph.blocks)
        for (const Node& node : block.nodes)
            if (node.op == Op::kSelectRows)
                graph.values[graph.root_of(node.out)].pitch =
                    graph.values[graph.root_of(node.in[0])].pitch;
    for (Life& life : lives) {
        const Value& v = graph.values[life.root];
        life.bytes = align(graph.most_rows(v.rows) * v.pitch * sizeof(float), kAlign);
    }
    // Largest first, each at the lowest place where it disturbs no value that is alive at the same
    // time.
    std::stable_sort(lives.begin(), lives.end(),
                     [](const Life& a, const Life& b) { return a.bytes > b.bytes; });
    std::uint64_t end = kAlign;
    for (std::size_t i = 0; i < lives.size(); ++i) {
        std::vector<std::pair<std::uint64_t, std::uint64_t>> taken;
        for (std::size_t j = 0; j < i; ++j)
            if (lives[j].first <= lives[i].last && lives[i].first <= lives[j].last)
                taken.emplace_back(graph.values[lives[j].root].offset, lives[j].bytes);
        std::sort(taken.begin(), taken.end());
        std::uint64_t at = 0;
        for (const auto& [offset, bytes] : taken)
            if (offset < at + lives[i].bytes && at < offset + bytes)
                at = offset + bytes;
        graph.values[lives[i].root].offset = at;
        end = std::max(end, at + lives[i].bytes);
    }
    graph.workspace_bytes = end;
}

}  // namespace

void plan_memory(Graph& graph, const PassOptions& options) {
    graph.max_rows = options.max_rows;
    graph.max_selected = options.max_selected;
    const std::vector<Life> lives = Lives(graph).roots();
    place(graph, lives);
    while (graph.workspace_bytes > options.max_workspace && graph.max_rows > kLeastRows) {
        graph.max_rows = std::max(kLeastRows, graph.max_rows / 2);
        place(graph, lives);
    }
}

}  // namespace skald::compiler
