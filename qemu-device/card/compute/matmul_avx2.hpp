// SPDX-License-Identifier: MIT
// MATMUL with int8 weights on AVX2. vpmaddubsw would saturate, so weights are split into even and
// odd bytes, as unsigned 16-bit numbers, and multiplied by pairs of 16-bit activations: exact, and
// the sums of pairs land in the lane of their row. As with AVX-512, a start of
// -128 * (sum of the activations) makes the weights signed.
#pragma once

#include <immintrin.h>

#include "card/compute/kernels.hpp"

namespace skald::card::compute {

struct Avx2Int8 {
    static constexpr std::size_t kPackedBytes = 2;
    static constexpr std::size_t kAhead = 8 * sizeof(isa::TileI8B32);

    // Each group of four k becomes the 16-bit pairs (k0, k2), (k1, k3).
    static void pack(const std::int8_t* q, std::uint32_t n, std::byte* packed) {
        for (std::uint32_t k = 0; k < n; k += 4) {
            const std::int16_t group[4] = {q[k], q[k + 2], q[k + 1], q[k + 3]};
            __builtin_memcpy(packed + k * 2, group, sizeof(group));
        }
    }

    [[gnu::always_inline]] static __m256i pair(const std::byte* q) {
        std::int32_t word;
        __builtin_memcpy(&word, q, 4);
        return _mm256_set1_epi32(word);
    }

    template <unsigned kCols>
    [[gnu::always_inline]] static void columns(const MatmulInt8& m, unsigned first) {
        const std::byte* q0 = m.q + first * m.q_stride;
        const float* d = m.d + first * m.block_stride;
        const std::int32_t* bias = m.bias + first * m.block_stride;
        float* out = m.acc + first * 16;
        __m256 acc[kCols][2];
        for (unsigned c = 0; c < kCols; ++c) {
            acc[c][0] = _mm256_loadu_ps(out + c * 16);
            acc[c][1] = _mm256_loadu_ps(out + c * 16 + 8);
        }
        const __m256i low_bytes = _mm256_set1_epi16(0xff);
        for (std::uint32_t t = 0; t < m.tiles; ++t) {
            const isa::TileI8B32& tile = m.w[t];
            if constexpr (kCols == 1) {
                const char* ahead = reinterpret_cast<const char*>(&tile) + kAhead;
                for (unsigned line = 0; line < sizeof(tile); line += 64)
                    _mm_prefetch(ahead + line, _MM_HINT_T0);
            }
            for (unsigned b = 0; b < 2; ++b) {
                const std::byte* q = q0 + (t * isa::kTileK + b * isa::kQuantBlock) * kPackedBytes;
                const std::size_t block = 2 * t + b;
                __m256i isum[kCols][2];
                for (unsigned c = 0; c < kCols; ++c)
                    isum[c][0] = isum[c][1] = _mm256_set1_epi32(bias[c * m.block_stride + block]);
                for (unsigned k4 = 0; k4 < 8; ++k4) {
                    const std::uint8_t* data = tile.data[b * 8 + k4][0];
                    for (unsigned half = 0; half < 2; ++half) {
                        const __m256i w =
                            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data + half * 32));
                        const __m256i even = _mm256_and_si256(w, low_bytes);
                        const __m256i odd = _mm256_srli_epi16(w, 8);
                        for (unsigned c = 0; c < kCols; ++c) {
                            const std::byte* x = q + c * m.q_stride + k4 * 8;
                            const __m256i sum =
                                _mm256_add_epi32(_mm256_madd_epi16(even, pair(x)),
                                                 _mm256_madd_epi16(odd, pair(x + 4)));
                            isum[c][half] = _mm256_add_epi32(isum[c][half], sum);
                        }
                    }
                }
                for (unsigned half = 0; half < 2; ++half) {
                    const __m256 scale = _mm256_cvtph_ps(_mm_loadu_si128(
                        reinterpret_cast<const __m128i*>(tile.scale[b] + half * 8)));
                    for (unsigned c = 0; c < kCols; ++c) {
                        const __m256 dc = _mm256_set1_ps(d[c * m.block_stride + block]);
                        acc[c][half] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(isum[c][half]),
                                                       _mm256_mul_ps(scale, dc), acc[c][half]);
                    }
                }
            }
        }
        for (unsigned c = 0; c < kCols; ++c) {
            _mm256_storeu_ps(out + c * 16, acc[c][0]);
            _mm256_storeu_ps(out + c * 16 + 8, acc[c][1]);
        }
    }

    static void matmul(const MatmulInt8& m) {
        unsigned c = 0;
        for (; c + 2 <= m.columns; c += 2)
            columns<2>(m, c);
        if (c < m.columns)
            columns<1>(m, c);
    }
};

}  // namespace skald::card::compute
