// SPDX-License-Identifier: MIT
// What fits on a chip: weights and the cache of so many sequences, on it or beside it.
#pragma once

#include <cstdint>
#include <span>

#include "chip/group.hpp"
#include "chip/timed_model.hpp"
#include "local/chip_change.hpp"
#include "local/chip_facts.hpp"
#include "skald/container.hpp"

namespace skald::chip {

// Bytes as the chip has them, its widths counted.
struct Footprint {
    double weights = 0;
    double sequence = 0;      // cache of one
    std::uint32_t chips = 1;  // that have as much each
};

[[nodiscard]] Footprint footprint_of(std::uint64_t weight_bytes, const container::ModelInfo& model,
                                     std::uint64_t positions, const local::NumberWidths& widths);
// The most that a chip of the group has to hold, of each.
[[nodiscard]] Footprint footprint_of(std::span<const TimedModel> stages, const Group& group,
                                     std::uint64_t positions, const local::NumberWidths& widths);
// Of all chips.
[[nodiscard]] double weights_of(std::span<const TimedModel> stages, const Group& group,
                                const local::NumberWidths& widths);

// Throws rt::Error (ENOSPC), which says how many chips would hold them.
void check_capacity(const local::ChipFacts& chip, const Footprint& of, std::uint32_t sequences);

// How many sequences a server takes at a time: what fits into 0.9 of the memory that weights
// leave, all of their positions reserved, 2,048 at most; TensorRT-LLM's defaults, for all chips and
// models. None fits: 0.
[[nodiscard]] std::uint32_t sequences_in_memory(const local::ChipFacts& chip, const Footprint& of);

}  // namespace skald::chip
