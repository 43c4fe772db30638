// SPDX-License-Identifier: MIT
// Cuts a run of tokens into the steps of the decoder program and writes their tables.
#pragma once

#include <cstdint>
#include <span>

#include "libskald/session_memory.hpp"
#include "tokenizer/spec.hpp"

namespace skald::rt {

enum class Selected {
    kLast,  // only the last row of the last step goes through the head
    kAll,
};

// Tokens at positions first, first + 1, ... in steps of at most `chunk` rows. Returns the steps.
std::uint32_t write_steps(SessionMemory& memory, std::span<const TokenId> tokens,
                          std::uint32_t first, std::uint32_t chunk, Selected selected);

}  // namespace skald::rt
