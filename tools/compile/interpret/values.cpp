// SPDX-License-Identifier: MIT
#include "interpret/values.hpp"

#include <map>
#include <set>

namespace skald::compiler::interpret {

Values::Values(const ir::Graph& graph, std::size_t rows)
    : graph_(graph), rows_(rows), storage_(graph.values.size()) {
    find_last_uses();
}

// Roots that a single block touches, but for what it carries from round to round.
void Values::find_last_uses() {
    std::vector<std::map<ir::ValueId, std::size_t>> last(graph_.blocks.size());
    std::map<ir::ValueId, std::size_t> blocks;  // that touch a root
    std::set<ir::ValueId> kept;
    for (std::size_t b = 0; b < graph_.blocks.size(); ++b) {
        const ir::Block& block = graph_.blocks[b];
        for (std::size_t n = 0; n < block.nodes.size(); ++n) {
            const auto touch = [&](ir::ValueId id) { last[b][graph_.root_of(id)] = n; };
            for (const ir::ValueId id : block.nodes[n].in)
                touch(id);
            block.nodes[n].each_out(touch);
        }
        for (const auto& [root, node] : last[b])
            ++blocks[root];
        if (block.carried_in != ir::kNone)
            kept.insert(graph_.root_of(block.carried_in));
    }
    for (std::size_t b = 0; b < graph_.blocks.size(); ++b) {
        last_.emplace_back(graph_.blocks[b].nodes.size());
        for (const auto& [root, node] : last[b])
            if (blocks[root] == 1 && !kept.contains(root))
                last_[b][node].push_back(root);
    }
}

std::size_t Values::count(ir::Rows rows) const {
    switch (rows) {
        case ir::Rows::kBatch:
        case ir::Rows::kSelected:
            return rows_;
        case ir::Rows::kRouted:
            return rows_ * graph_.chosen;
        case ir::Rows::kOne:
            return 1;
    }
    return 0;
}

Columns Values::at(ir::ValueId id) {
    const ir::ValueId root = graph_.root_of(id);
    const ir::Value& value = graph_.values[root];
    auto& storage = storage_[root];
    if (!storage)
        storage.emplace(count(value.rows), value.width);
    return {*storage, graph_.column_of(id), graph_.values[id].width};
}

void Values::release(const ir::Block& block, std::size_t index) {
    const auto number = static_cast<std::size_t>(&block - graph_.blocks.data());
    for (const ir::ValueId root : last_[number][index])
        storage_[root].reset();
}

}  // namespace skald::compiler::interpret
