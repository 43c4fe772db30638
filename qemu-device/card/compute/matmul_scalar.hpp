// SPDX-License-Identifier: MIT
// MATMUL with int8 weights in plain C++.
#pragma once

#include <cstring>

#include "card/compute/half.hpp"
#include "card/compute/kernels.hpp"

namespace skald::card::compute {

struct ScalarInt8 {
    static constexpr std::size_t kPackedBytes = 1;

    static void pack(const std::int8_t* q, std::uint32_t n, std::byte* packed) {
        std::memcpy(packed, q, n);
    }

    static void block(const isa::TileI8B32& tile, unsigned b, const std::int8_t* q, float d,
                      std::int32_t bias, float* acc) {
        std::int32_t isum[16];
        for (std::int32_t& lane : isum)
            lane = bias;
        for (unsigned k4 = 0; k4 < 8; ++k4) {
            const auto& group = tile.data[b * 8 + k4];
            const std::int8_t* x = q + k4 * 4;
            for (unsigned row = 0; row < 16; ++row)
                for (unsigned k = 0; k < 4; ++k)
                    isum[row] += group[row][k] * x[k];
        }
        for (unsigned row = 0; row < 16; ++row)
            acc[row] = __builtin_fmaf(static_cast<float>(isum[row]),
                                      half_to_float(tile.scale[b][row]) * d, acc[row]);
    }

    static void matmul(const MatmulInt8& m) {
        for (unsigned c = 0; c < m.columns; ++c) {
            const auto* q = reinterpret_cast<const std::int8_t*>(m.q + c * m.q_stride);
            const float* d = m.d + c * m.block_stride;
            const std::int32_t* bias = m.bias + c * m.block_stride;
            for (std::uint32_t t = 0; t < m.tiles; ++t)
                for (unsigned b = 0; b < 2; ++b)
                    block(m.w[t], b, q + t * isa::kTileK + b * isa::kQuantBlock, d[2 * t + b],
                          bias[2 * t + b], m.acc + c * 16);
        }
    }
};

}  // namespace skald::card::compute
