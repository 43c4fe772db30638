// SPDX-License-Identifier: MIT
// The values of a graph while it is being interpreted: storage for each root from the first node of
// a block that touches it to the last one.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "interpret/rows.hpp"
#include "ir/graph.hpp"

namespace skald::compiler::interpret {

class Values {
  public:
    // `rows`: of a step, all of which go through the head.
    Values(const ir::Graph& graph, std::size_t rows);

    // Its columns, zeros if nothing has been there yet.
    Columns at(ir::ValueId id);

    // After node `index` of a block: what no later one of it, nor another block, touches is gone.
    void release(const ir::Block& block, std::size_t index);

  private:
    void find_last_uses();
    std::size_t count(ir::Rows rows) const;

    const ir::Graph& graph_;
    std::size_t rows_;
    std::vector<std::optional<Rows>> storage_;                 // by value, of roots
    std::vector<std::vector<std::vector<ir::ValueId>>> last_;  // [block][node]: what it is last of
};

}  // namespace skald::compiler::interpret
