// SPDX-License-Identifier: MIT
// Reads weights out of tiles. What skald/isa.hpp says of each layout is spelt out: no table, no
// loop over formats, so that a slip in the compiler's general form does not repeat itself here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "skald/isa.hpp"

namespace skald::test {

// Weight (n, k) of a matrix with rows of k_len, as GATHER reads it. n and k may lie in the padding.
// Throws std::out_of_range beyond the bytes.
float tile_weight(isa::WeightFormat format, std::span<const std::byte> tiles, std::uint64_t k_len,
                  std::uint64_t n, std::uint64_t k);

}  // namespace skald::test
