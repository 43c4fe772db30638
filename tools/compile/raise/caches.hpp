// SPDX-License-Identifier: MIT
// Whether a graph goes on behind a cache as it would have without one.
#pragma once

#include "raise/roles.hpp"

namespace skald::compiler::raising {

// `tables`: values by which something is multiplied, at the positions without a cache. Throws
// CompileError unless attention reads the cache as it came, what it read goes out again, and angles
// are those of the positions behind it.
void check_cache(const graphs::TensorGraph& graph, const Roles& roles,
                 const std::set<std::uint32_t>& tables, std::int64_t tokens);

// Throws CompileError unless what things are multiplied by at a position is the same whatever the
// number of tokens, and waves: angles that grow with the position.
void check_tables(const graphs::TensorGraph& graph, const Roles& roles,
                  const std::set<std::uint32_t>& tables);

// Rows of the shortest table that is looked up by position.
std::optional<std::int64_t> positions_there_are(const graphs::TensorGraph& graph,
                                                const Roles& roles);

}  // namespace skald::compiler::raising
