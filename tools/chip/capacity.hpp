// SPDX-License-Identifier: MIT
// What a request takes of a chip's memories.
#pragma once

#include <cstdint>

#include "chip/options.hpp"
#include "local/chip_facts.hpp"
#include "skald/container.hpp"

namespace skald::chip {

// Of all keys and values, whole blocks.
[[nodiscard]] std::uint64_t cache_bytes(const container::ModelInfo& info, const Options& options);

// What the machine is to hold, on the chip or beside it, and what one chip has. Throws rt::Error.
void check_capacity(const local::ChipFacts& chip, std::uint64_t weights, std::uint64_t cache);

}  // namespace skald::chip
