// SPDX-License-Identifier: MIT
// torch.vmap as exporters leave it in the making of masks: functions of single numbers, computed
// for all places along some dimensions, its levels. Such a value has these dimensions first, by
// level, and those that the function sees behind them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "import/aten/node.hpp"

namespace skald::compiler::graphs {

class Batched {
  public:
    // Whether a node begins or ends a level, or keeps count of them.
    static bool is_bookkeeping(std::string_view target);
    // Makes its results; `rank` is that of its argument, as the function sees it.
    void keep_books(AtenNode& n, std::string_view target, std::size_t rank);

    // Whether a node takes such a value; then what its arguments are in terms of all levels of any.
    bool concern(AtenNode& n) const;
    Id aligned(Id value, AtenNode& n);
    // What its results are, after it was lowered.
    void note(AtenNode& n, std::string_view target, bool arguments_are_numbers);
    // Made of a value in a way that is not understood, which only matters if it is read.
    bool is_unclear(Id value) const { return unclear_.contains(value); }

  private:
    using Levels = std::set<std::int64_t>;

    const Levels& levels_of(Id value) const;
    Levels levels_of_all(AtenNode& n) const;
    void add(AtenNode& n);
    void remove(AtenNode& n, std::size_t rank);

    std::map<Id, Levels> levels_;
    std::set<Id> unclear_;
};

}  // namespace skald::compiler::graphs
