// SPDX-License-Identifier: MIT
// Cuts runs of tokens into the steps of the decoder program and writes their tables.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "libskald/decoder_memory.hpp"
#include "tokenizer/spec.hpp"

namespace skald::rt {

// Tokens of a sequence at positions first, first + 1, ...
struct Run {
    std::uint32_t sequence = 0;
    std::uint32_t first = 0;
    std::vector<TokenId> tokens;
};

// Ragged steps of at most `chunk` rows. The last one has the last row of every run, in the order of
// the runs; with `select` those go through the head. At most `chunk` runs, none empty. Returns the
// steps.
std::uint32_t write_prefill(DecoderMemory& memory, std::span<const Run> runs, std::uint32_t chunk,
                            bool select);

// Steps of `chunk` rows, the last may have fewer; all rows go through the head. Returns the steps.
std::uint32_t write_scoring(DecoderMemory& memory, const Run& run, std::uint32_t chunk);

}  // namespace skald::rt
