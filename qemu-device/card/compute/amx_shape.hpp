// SPDX-License-Identifier: MIT
// What the AMX tiles hold in a product, as LDTILECFG reads it:
//
//   tmm0, 1   sums        [columns][16 rows] int32
//   tmm4, 5   activations [columns][k]
//   tmm6, 7   weights     [k / 4][16 rows][4]
#pragma once

#include <array>
#include <cstdint>

#include "skald/isa.hpp"

namespace skald::card::compute {

inline constexpr unsigned kAmxRows = 16;  // that a tile has at most

struct alignas(64) AmxShape {
    std::uint8_t palette = 1;
    std::uint8_t start_row = 0;
    std::uint8_t reserved[14] = {};
    std::uint16_t row_bytes[16] = {};
    std::uint8_t rows[16] = {};

    constexpr AmxShape() = default;
    constexpr AmxShape(unsigned columns, unsigned k) {
        for (const unsigned sums : {0u, 1u})
            set(sums, columns, isa::kTileRows * 4);
        for (const unsigned activations : {4u, 5u})
            set(activations, columns, k);
        for (const unsigned weights : {6u, 7u})
            set(weights, k / 4, isa::kTileRows * 4);
    }

  private:
    constexpr void set(unsigned tile, unsigned tile_rows, unsigned bytes) {
        row_bytes[tile] = static_cast<std::uint16_t>(bytes);
        rows[tile] = static_cast<std::uint8_t>(tile_rows);
    }
};
static_assert(sizeof(AmxShape) == 64);

// By number of columns, 1 .. kAmxRows.
using AmxShapes = std::array<AmxShape, kAmxRows + 1>;
constexpr AmxShapes amx_shapes(unsigned k) {
    AmxShapes all{};
    for (unsigned columns = 1; columns <= kAmxRows; ++columns)
        all[columns] = AmxShape(columns, k);
    return all;
}
inline constexpr AmxShapes kAmxBlockShapes = amx_shapes(isa::kQuantBlock);  // scales by block
inline constexpr AmxShapes kAmxRowShapes = amx_shapes(isa::kTileK);         // by row

}  // namespace skald::card::compute
