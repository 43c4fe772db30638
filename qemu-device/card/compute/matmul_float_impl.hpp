// SPDX-License-Identifier: MIT
// MATMUL, the slow form: f16 or f32 weights, f32 activations, one fma chain per output along k.
// Lane = output row; the body serves every path.
#pragma once

#include <cstdint>

#include "card/compute/kernels.hpp"

namespace skald::card::compute {

template <class V>
struct FloatMatmul {
    [[gnu::always_inline]] static V weights(const isa::TileF16& tile, std::uint32_t k) {
        return V::load_half(tile.data[k]);
    }
    [[gnu::always_inline]] static V weights(const isa::TileF32& tile, std::uint32_t k) {
        return V::load(tile.data[k]);
    }

    template <class Tile, unsigned kCols>
    [[gnu::always_inline]] static void columns(const MatmulFloat& m, unsigned first) {
        V acc[kCols];
        const float* x[kCols];
        for (unsigned c = 0; c < kCols; ++c) {
            acc[c] = V::load(m.acc + (first + c) * 16);
            x[c] = m.x + (first + c) * m.x_stride;
        }
        const Tile* tile = static_cast<const Tile*>(m.w);
        for (std::uint32_t t = 0; t < m.tiles; ++t) {
            for (std::uint32_t k = 0; k < isa::kTileK; ++k) {
                const V w = weights(tile[t], k);
                for (unsigned c = 0; c < kCols; ++c)
                    acc[c] = V::fma(w, V::set(x[c][t * isa::kTileK + k]), acc[c]);
            }
        }
        for (unsigned c = 0; c < kCols; ++c)
            acc[c].store(m.acc + (first + c) * 16);
    }

    template <class Tile>
    static void matmul(const MatmulFloat& m) {
        unsigned c = 0;
        for (; c + V::kColumns <= m.columns; c += V::kColumns)
            columns<Tile, V::kColumns>(m, c);
        for (; c + 2 <= m.columns; c += 2)
            columns<Tile, 2>(m, c);
        if (c < m.columns)
            columns<Tile, 1>(m, c);
    }
};

}  // namespace skald::card::compute
