// SPDX-License-Identifier: MIT
// Turns rows of a source matrix into the card's weight tiles (skald/isa.hpp), encoding them on the
// way (encode_row.hpp), and measures what that costs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "backend/encode_row.hpp"
#include "model/expression.hpp"
#include "skald/isa.hpp"

namespace skald::compiler {

// Tiles of rows [16 * first, 16 * (first + count)) of the matrix into `out`, which is exactly as
// long as they are. Throws CompileError naming the tensor and the row if a weight is not finite, or
// too large for the format. `energy` as in RowEncoder.
TileError write_tiles(const Expression& matrix, isa::WeightFormat format, std::uint32_t first,
                      std::uint32_t count, std::span<std::byte> out,
                      std::span<const float> energy = {});

}  // namespace skald::compiler
