// SPDX-License-Identifier: MIT
// MATMUL with integer weights on AVX2. vpmaddubsw would saturate, so weights are split into even
// and odd bytes, as unsigned 16-bit numbers, and multiplied by pairs of 16-bit activations: exact,
// and the sums of pairs land in the lane of their row. All formats are expanded to bytes first.
#pragma once

#include <immintrin.h>

#include "card/compute/expand_impl.hpp"
#include "card/compute/kernels.hpp"
#include "card/compute/vec16_avx2.hpp"

namespace skald::card::compute {

struct Avx2Integer {
    using Activations = ActivationLayout<2 * isa::kTileK>;
    static constexpr std::size_t kActivationBytes = Activations::kBytes;

    // Each group of four k becomes the 16-bit pairs (k0, k2), (k1, k3).
    static void pack_numbers(const std::int8_t* q, std::byte* to) {
        for (std::uint32_t k = 0; k < isa::kTileK; k += 4) {
            const std::int16_t group[4] = {q[k], q[k + 2], q[k + 1], q[k + 3]};
            __builtin_memcpy(to + k * 2, group, sizeof(group));
        }
    }
    [[gnu::always_inline]] static void halves(const std::byte* from, float* to) {
        for (unsigned i = 0; i < 2; ++i)
            _mm256_storeu_ps(
                to + i * 8,
                _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i * 16))));
    }

    [[gnu::always_inline]] static __m256i word(const std::byte* p) {
        std::int32_t value;
        __builtin_memcpy(&value, p, 4);
        return _mm256_set1_epi32(value);
    }
    [[gnu::always_inline]] static __m256 number(const std::byte* p) {
        return _mm256_castsi256_ps(word(p));
    }

    // 64 k of kCols columns.
    template <Accumulation kHow, unsigned kCols>
    [[gnu::always_inline]] static void columns(const PanelChunk& w, const std::byte* x0, float* out,
                                               std::size_t stride) {
        __m256 acc[kCols][2];
        for (unsigned c = 0; c < kCols; ++c)
            for (unsigned part = 0; part < 2; ++part)
                acc[c][part] = _mm256_loadu_ps(out + c * stride + part * 8);
        const __m256i low_bytes = _mm256_set1_epi16(0xff);
        for (unsigned half = 0; half < 2; ++half) {
            const std::byte* offset = x0 + Activations::kOffset + half * 4;
            __m256i isum[kCols][2];
            for (unsigned c = 0; c < kCols; ++c)
                for (unsigned part = 0; part < 2; ++part)
                    isum[c][part] = kHow == Accumulation::kSymmetric
                                        ? word(offset + c * kActivationBytes)
                                    : kHow == Accumulation::kRow ? _mm256_castps_si256(acc[c][part])
                                                                 : _mm256_setzero_si256();
            for (unsigned k4 = 0; k4 < 8; ++k4) {
                const std::uint8_t* data = w.data[half * 8 + k4][0];
                const std::byte* x = x0 + (half * 8 + k4) * 8;
                for (unsigned part = 0; part < 2; ++part) {
                    const __m256i bytes =
                        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data + part * 32));
                    const __m256i even = _mm256_and_si256(bytes, low_bytes);
                    const __m256i odd = _mm256_srli_epi16(bytes, 8);
                    for (unsigned c = 0; c < kCols; ++c) {
                        const std::byte* xc = x + c * kActivationBytes;
                        const __m256i sum = _mm256_add_epi32(_mm256_madd_epi16(even, word(xc)),
                                                             _mm256_madd_epi16(odd, word(xc + 4)));
                        isum[c][part] = _mm256_add_epi32(isum[c][part], sum);
                    }
                }
            }
            for (unsigned part = 0; part < 2; ++part) {
                if constexpr (kHow == Accumulation::kRow) {
                    for (unsigned c = 0; c < kCols; ++c)
                        acc[c][part] = _mm256_castsi256_ps(isum[c][part]);
                    continue;
                }
                const __m256 scale = _mm256_loadu_ps(w.scale[half] + part * 8);
                const __m256 minimum = _mm256_loadu_ps(w.minimum[half] + part * 8);
                for (unsigned c = 0; c < kCols; ++c) {
                    const __m256 d =
                        number(x0 + Activations::kScale + half * 4 + c * kActivationBytes);
                    acc[c][part] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(isum[c][part]),
                                                   _mm256_mul_ps(scale, d), acc[c][part]);
                    if constexpr (kHow == Accumulation::kAffine)
                        acc[c][part] = _mm256_fmadd_ps(number(offset + c * kActivationBytes),
                                                       _mm256_mul_ps(minimum, d), acc[c][part]);
                }
            }
        }
        for (unsigned c = 0; c < kCols; ++c)
            for (unsigned part = 0; part < 2; ++part)
                _mm256_storeu_ps(out + c * stride + part * 8, acc[c][part]);
    }

    template <Accumulation kHow>
    static void chunk(const PanelChunk& w, const std::byte* x, unsigned count, float* acc,
                      std::size_t acc_stride) {
        unsigned c = 0;
        for (; c + 2 <= count; c += 2)
            columns<kHow, 2>(w, x + c * kActivationBytes, acc + c * acc_stride, acc_stride);
        if (c < count)
            columns<kHow, 1>(w, x + c * kActivationBytes, acc + c * acc_stride, acc_stride);
    }

    // f32(start + sum of q * k) of kT tiles of 16 keys in bytes, n4 times four elements.
    template <unsigned kQ, unsigned kT>
    [[gnu::always_inline]] static void dot_bytes(const std::byte* const* k,
                                                 const std::int8_t* const (&q)[kQ],
                                                 const std::int32_t (&start)[kQ], std::uint32_t n4,
                                                 float (&out)[kQ][kT][16]) {
        const __m256i low_bytes = _mm256_set1_epi16(0xff);
        __m256i isum[kQ][kT][2];
        for (unsigned i = 0; i < kQ; ++i)
            for (unsigned t = 0; t < kT; ++t)
                isum[i][t][0] = isum[i][t][1] = _mm256_set1_epi32(start[i]);
        for (std::uint32_t d = 0; d < n4; ++d) {
            __m256i even[kQ];  // of the query's four numbers, as pairs of 16 bits
            __m256i odd[kQ];
            for (unsigned i = 0; i < kQ; ++i) {
                const __m256i four = word(reinterpret_cast<const std::byte*>(q[i] + d * 4));
                even[i] = _mm256_srai_epi16(_mm256_slli_epi16(four, 8), 8);
                odd[i] = _mm256_srai_epi16(four, 8);
            }
            for (unsigned t = 0; t < kT; ++t)
                for (unsigned part = 0; part < 2; ++part) {
                    const __m256i bytes = _mm256_loadu_si256(
                        reinterpret_cast<const __m256i*>(k[t] + d * 64 + part * 32));
                    const __m256i low = _mm256_and_si256(bytes, low_bytes);
                    const __m256i high = _mm256_srli_epi16(bytes, 8);
                    for (unsigned i = 0; i < kQ; ++i)
                        isum[i][t][part] = _mm256_add_epi32(
                            isum[i][t][part], _mm256_add_epi32(_mm256_madd_epi16(low, even[i]),
                                                               _mm256_madd_epi16(high, odd[i])));
                }
        }
        for (unsigned i = 0; i < kQ; ++i)
            for (unsigned t = 0; t < kT; ++t)
                for (unsigned part = 0; part < 2; ++part)
                    _mm256_storeu_ps(out[i][t] + part * 8, _mm256_cvtepi32_ps(isum[i][t][part]));
    }

    static unsigned group(isa::WeightFormat, unsigned columns) { return columns < 8 ? columns : 8; }
    template <isa::WeightFormat kFormat>
    static void tiles(const IntegerCall& call) {
        multiply_expanded<Avx2Integer, Avx2Vec, kFormat>(call);
    }
};

}  // namespace skald::card::compute
