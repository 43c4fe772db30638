// SPDX-License-Identifier: MIT
// A run of which only times are wanted: which micro-ops are left out, and what of their work is
// found in data nevertheless.
#pragma once

#include "card/ops/machine.hpp"

namespace skald::card {

// Computes, or moves weights or the cache; not what moves tables of rows, tokens or sequences.
[[nodiscard]] bool is_arithmetic(const isa::OpInfo& info);

// Of it nothing is counted but rows, whatever the data.
[[nodiscard]] bool counts_rows_alone(const isa::OpInfo& info, const isa::MicroOp& op);

// Sets the counts of one that is left out: positions where rows attend to some, experts by a draw
// that depends on the micro-op's place and the run alone.
[[nodiscard]] Fault count_work(Machine& m, const isa::MicroOp& op, const isa::OpInfo& info,
                               std::uint64_t rows, std::uint64_t seed);

}  // namespace skald::card
