// SPDX-License-Identifier: MIT
// Which positions a mask lets each position see, read off the mask itself at lengths around every
// length that the graph names.
#pragma once

#include <set>

#include "raise/roles.hpp"

namespace skald::compiler::raising {

struct Seen {
    std::uint32_t window = 0;  // 0: all before it
    // Positions up to which that has been looked at, where the graph names lengths beyond.
    std::optional<std::int64_t> limit;
};

// Integers that stand in the graph before these values: windows and lengths are among them.
std::set<std::int64_t> lengths_before(const graphs::TensorGraph& graph,
                                      const std::vector<graphs::Id>& values);

// Throws CompileError unless it is causal with a window or without.
Seen seen_by(const graphs::TensorGraph& graph, const Roles& roles,
             const std::vector<MaskSource>& masks, const std::string& path);

}  // namespace skald::compiler::raising
