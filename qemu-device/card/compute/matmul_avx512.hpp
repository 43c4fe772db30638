// SPDX-License-Identifier: MIT
// MATMUL with int8 weights on AVX-512 VNNI: vpdpbusd multiplies the unsigned weight bytes with four
// broadcast activations; starting from -128 * (sum of the activations) makes the weights signed.
#pragma once

#include <immintrin.h>

#include <cstring>

#include "card/compute/kernels.hpp"

namespace skald::card::compute {

struct Avx512Int8 {
    static constexpr std::size_t kPackedBytes = 1;
    // How far ahead of a lone column the weights are asked for: about a memory latency's worth.
    static constexpr std::size_t kAhead = 8 * sizeof(isa::TileI8B32);

    static void pack(const std::int8_t* q, std::uint32_t n, std::byte* packed) {
        __builtin_memcpy(packed, q, n);
    }

    [[gnu::always_inline]] static __m512i four(const std::byte* q) {
        std::int32_t word;
        __builtin_memcpy(&word, q, 4);
        return _mm512_set1_epi32(word);
    }

    template <unsigned kCols>
    [[gnu::always_inline]] static void columns(const MatmulInt8& m) {
        __m512 acc[kCols];
        for (unsigned c = 0; c < kCols; ++c)
            acc[c] = _mm512_loadu_ps(m.acc + c * 16);
        for (std::uint32_t t = 0; t < m.tiles; ++t) {
            const isa::TileI8B32& tile = m.w[t];
            if constexpr (kCols == 1) {
                const char* ahead = reinterpret_cast<const char*>(&tile) + kAhead;
                for (unsigned line = 0; line < sizeof(tile); line += 64)
                    _mm_prefetch(ahead + line, _MM_HINT_T0);
            }
            for (unsigned b = 0; b < 2; ++b) {
                const __m512 scale = _mm512_cvtph_ps(
                    _mm256_loadu_si256(reinterpret_cast<const __m256i*>(tile.scale[b])));
                const std::byte* q = m.q + t * isa::kTileK + b * isa::kQuantBlock;
                const std::size_t block = 2 * t + b;
                __m512i even[kCols];
                __m512i odd[kCols];  // a second chain where one is too few to fill the pipe
                for (unsigned c = 0; c < kCols; ++c) {
                    even[c] = _mm512_set1_epi32(m.bias[c * m.block_stride + block]);
                    odd[c] = _mm512_setzero_si512();
                }
                for (unsigned k4 = 0; k4 < 8; k4 += 2) {
                    const __m512i w0 = _mm512_loadu_si512(tile.data[b * 8 + k4]);
                    const __m512i w1 = _mm512_loadu_si512(tile.data[b * 8 + k4 + 1]);
                    for (unsigned c = 0; c < kCols; ++c) {
                        const std::byte* x = q + c * m.q_stride + k4 * 4;
                        even[c] = _mm512_dpbusd_epi32(even[c], w0, four(x));
                        if constexpr (kCols < 4)
                            odd[c] = _mm512_dpbusd_epi32(odd[c], w1, four(x + 4));
                        else
                            even[c] = _mm512_dpbusd_epi32(even[c], w1, four(x + 4));
                    }
                }
                for (unsigned c = 0; c < kCols; ++c) {
                    if constexpr (kCols < 4)
                        even[c] = _mm512_add_epi32(even[c], odd[c]);
                    const __m512 d = _mm512_set1_ps(m.d[c * m.block_stride + block]);
                    acc[c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(even[c]), _mm512_mul_ps(scale, d),
                                             acc[c]);
                }
            }
        }
        for (unsigned c = 0; c < kCols; ++c)
            _mm512_storeu_ps(m.acc + c * 16, acc[c]);
    }

    static void matmul(const MatmulInt8& m) {
        switch (m.columns) {
            case 1:
                return columns<1>(m);
            case 2:
                return columns<2>(m);
            case 3:
                return columns<3>(m);
            case 4:
                return columns<4>(m);
            case 5:
                return columns<5>(m);
            case 6:
                return columns<6>(m);
            case 7:
                return columns<7>(m);
            default:
                return columns<8>(m);
        }
    }
};

}  // namespace skald::card::compute
