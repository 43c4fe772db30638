// SPDX-License-Identifier: MIT
// Causal attention of sequences that are there as a whole, and the rotation that comes before it.
#pragma once

#include <span>

#include "interpret/rows.hpp"
#include "interpret/sequences.hpp"
#include "ir/graph.hpp"

namespace skald::compiler::interpret {

// In place. A sequence that is longer than the table's short limit has the long frequencies.
void rotate(const ir::RopeAttributes& attributes, const RotaryTable& table, Columns x,
            std::span<const Sequence> sequences);

// `parameters`: isa::AttentionParams and sinks, as the node's weight has them; empty: none.
void attend(const ir::AttentionAttributes& attributes, std::span<const float> parameters, Columns q,
            const Rows& k, const Rows& v, std::span<const Sequence> sequences, unsigned threads,
            Columns y);

}  // namespace skald::compiler::interpret
