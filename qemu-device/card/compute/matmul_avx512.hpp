// SPDX-License-Identifier: MIT
// MATMUL with integer weights on AVX-512 VNNI: vpdpbusd multiplies unsigned weight bytes with four
// broadcast activations; starting from -zero * (sum of the activations) makes the weights signed.
// One body for weights read from tiles (decoded in registers) and from panels.
#pragma once

#include <immintrin.h>

#include "card/compute/expand_impl.hpp"
#include "card/compute/kernels.hpp"

namespace skald::card::compute {

// Weights as they lie in tiles.
template <isa::WeightFormat kFormat>
struct Avx512Tiles {
    using Layout = WeightLayout<kFormat>;
    static constexpr Accumulation kHow = Layout::kAccumulation;
    static constexpr std::size_t kBytes = Layout::kTileBytes;
    static constexpr unsigned kChunks = Layout::kChunks;

    // The numbers of k 4 g .. 4 g + 3 of chunk c.
    [[gnu::always_inline]] static __m512i four(const std::byte* tile, unsigned c, unsigned g) {
        const std::byte* chunk = tile + Layout::kHeader + c * Layout::kChunkBytes;
        if constexpr (Layout::kBits == 8) {
            return _mm512_loadu_si512(chunk + g * 64);
        } else if constexpr (Layout::kBits == 4) {
            const __m512i v = _mm512_loadu_si512(chunk + (g / 8 * 4 + g % 4) * 64);
            return _mm512_and_si512(g % 8 < 4 ? v : _mm512_srli_epi16(v, 4), _mm512_set1_epi8(15));
        } else {
            const __m512i v = _mm512_loadu_si512(chunk + g % 4 * 64);
            return _mm512_and_si512(_mm512_srli_epi16(v, g / 4 * 2), _mm512_set1_epi8(3));
        }
    }
    [[gnu::always_inline]] static __m512 halves(const std::byte* p) {
        return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    }
    [[gnu::always_inline]] static __m512 scale(const std::byte* tile, unsigned c, unsigned half) {
        return halves(tile + Layout::block(c, half) * 32);
    }
    [[gnu::always_inline]] static __m512 minimum(const std::byte* tile, unsigned c, unsigned half) {
        return halves(tile + Layout::kMinimum + Layout::block(c, half) * 32);
    }
};

// Weights in a panel.
template <Accumulation kAccumulation>
struct Avx512Panel {
    static constexpr Accumulation kHow = kAccumulation;
    static constexpr std::size_t kBytes = sizeof(PanelChunk);
    static constexpr unsigned kChunks = 1;

    [[gnu::always_inline]] static __m512i four(const std::byte* chunk, unsigned, unsigned g) {
        return _mm512_loadu_si512(chunk + g * 64);
    }
    [[gnu::always_inline]] static __m512 scale(const std::byte* chunk, unsigned, unsigned half) {
        return _mm512_loadu_ps(chunk + offsetof(PanelChunk, scale) + half * 64);
    }
    [[gnu::always_inline]] static __m512 minimum(const std::byte* chunk, unsigned, unsigned half) {
        return _mm512_loadu_ps(chunk + offsetof(PanelChunk, minimum) + half * 64);
    }
};

struct Avx512Integer {
    using Activations = ActivationLayout<isa::kTileK>;
    static constexpr std::size_t kActivationBytes = Activations::kBytes;
    // How far ahead weights are asked for when memory is what bounds: about a latency's worth.
    // Of all streams together, a part of the innermost cache.
    static constexpr std::size_t kAhead = 8192;

    static void pack_numbers(const std::int8_t* q, std::byte* to) {
        __builtin_memcpy(to, q, isa::kTileK);
    }
    [[gnu::always_inline]] static void halves(const std::byte* from, float* to) {
        _mm512_storeu_ps(
            to, _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))));
    }

    [[gnu::always_inline]] static __m512i word(const std::byte* p) {
        std::int32_t value;
        __builtin_memcpy(&value, p, 4);
        return _mm512_set1_epi32(value);
    }
    [[gnu::always_inline]] static __m512 number(const std::byte* p) {
        return _mm512_castsi512_ps(word(p));
    }

    // The innermost step: half a chunk (32 k) of kS row tiles and kC columns.
    template <class Source, unsigned kS, unsigned kC>
    [[gnu::always_inline]] static void block(const std::byte* const (&w)[kS], unsigned chunk,
                                             unsigned half, const std::byte* x, std::size_t stride,
                                             __m512 (&acc)[kS][kC]) {
        constexpr Accumulation kHow = Source::kHow;
        const std::byte* offset = x + Activations::kOffset + half * 4;
        __m512i isum[kS][kC];
        for (unsigned c = 0; c < kC; ++c) {
            const __m512i start = kHow == Accumulation::kSymmetric ? word(offset + c * stride)
                                                                   : _mm512_setzero_si512();
            for (unsigned s = 0; s < kS; ++s)
                isum[s][c] = kHow == Accumulation::kRow ? _mm512_castps_si512(acc[s][c]) : start;
        }
#pragma GCC unroll 8
        for (unsigned g = 0; g < 8; ++g) {
            __m512i weights[kS];
            for (unsigned s = 0; s < kS; ++s)
                weights[s] = Source::four(w[s], chunk, half * 8 + g);
            for (unsigned c = 0; c < kC; ++c) {
                const __m512i q = word(x + c * stride + (half * 8 + g) * 4);
                for (unsigned s = 0; s < kS; ++s)
                    isum[s][c] = _mm512_dpbusd_epi32(isum[s][c], weights[s], q);
            }
        }
        if constexpr (kHow == Accumulation::kRow) {
            for (unsigned s = 0; s < kS; ++s)
                for (unsigned c = 0; c < kC; ++c)
                    acc[s][c] = _mm512_castsi512_ps(isum[s][c]);
        } else {
            __m512 scale[kS];
            for (unsigned s = 0; s < kS; ++s)
                scale[s] = Source::scale(w[s], chunk, half);
            for (unsigned c = 0; c < kC; ++c) {
                const __m512 d = number(x + c * stride + Activations::kScale + half * 4);
                for (unsigned s = 0; s < kS; ++s) {
                    acc[s][c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(isum[s][c]),
                                                _mm512_mul_ps(scale[s], d), acc[s][c]);
                    if constexpr (kHow == Accumulation::kAffine)
                        acc[s][c] = _mm512_fmadd_ps(
                            number(offset + c * stride),
                            _mm512_mul_ps(Source::minimum(w[s], chunk, half), d), acc[s][c]);
                }
            }
        }
    }

    // What a pass over the weights asks memory for: nothing; weights a little further on, if it is
    // the only one; or its share of the next call's, so that memory works during all passes.
    enum class Ask { kNothing, kAhead, kNext };

    template <class Source, unsigned kS, unsigned kC, Ask kAsk>
    static void columns(const IntegerCall& call, unsigned stream, unsigned column) {
        constexpr std::size_t stride = kActivationBytes;
        const std::byte* x = call.x + column * stride;
        float* out = call.acc + column * call.acc_stride + stream * isa::kTileRows;
        const std::byte* w[kS];
        __m512 acc[kS][kC];
        // Integers may be added in any order: a second set of sums where one is too few to fill the
        // pipes.
        constexpr bool kTwice = Source::kHow == Accumulation::kRow && kS * kC < 8;
        __m512 more[kS][kC];
        for (unsigned s = 0; s < kS; ++s) {
            w[s] = call.w[stream + s];
            for (unsigned c = 0; c < kC; ++c) {
                acc[s][c] = _mm512_loadu_ps(out + c * call.acc_stride + s * isa::kTileRows);
                more[s][c] = _mm512_setzero_ps();
            }
        }
        for (std::uint32_t t = 0; t < call.count; ++t) {
            if constexpr (kAsk == Ask::kAhead)
                for (unsigned s = 0; s < kS; ++s)
                    for (std::size_t line = 0; line < Source::kBytes; line += 64)
                        _mm_prefetch(reinterpret_cast<const char*>(w[s]) + kAhead / kS + line,
                                     _MM_HINT_T0);
            if constexpr (kAsk == Ask::kNext) {
                const std::size_t passes = (call.columns + 3) / 4;
                const std::size_t share = (Source::kBytes + 63) / 64 / passes + 1;
                const std::size_t from = column / 4 * share * 64;
                const std::size_t end =
                    from + share * 64 < Source::kBytes ? from + share * 64 : Source::kBytes;
                for (unsigned s = 0; s < kS; ++s) {
                    if (call.next[stream + s] == nullptr)
                        continue;
                    const char* tile =
                        reinterpret_cast<const char*>(call.next[stream + s]) + t * Source::kBytes;
                    for (std::size_t line = from; line < end; line += 64)
                        _mm_prefetch(tile + line, _MM_HINT_T0);
                }
            }
            for (unsigned chunk = 0; chunk < Source::kChunks; ++chunk) {
                block<Source, kS, kC>(w, chunk, 0, x, stride, acc);
                block<Source, kS, kC>(w, chunk, 1, x, stride, kTwice ? more : acc);
                x += call.x_step;
            }
            for (unsigned s = 0; s < kS; ++s)
                w[s] += Source::kBytes;
        }
        for (unsigned s = 0; s < kS; ++s)
            for (unsigned c = 0; c < kC; ++c) {
                if constexpr (kTwice)
                    acc[s][c] = _mm512_castsi512_ps(_mm512_add_epi32(
                        _mm512_castps_si512(acc[s][c]), _mm512_castps_si512(more[s][c])));
                _mm512_storeu_ps(out + c * call.acc_stride + s * isa::kTileRows, acc[s][c]);
            }
    }

    // The columns that are left, fewer than kMost + 1.
    template <class Source, unsigned kS, unsigned kMost, Ask kAsk = Ask::kNothing>
    static void rest(const IntegerCall& call, unsigned stream, unsigned column, unsigned count) {
        if constexpr (kMost > 0) {
            if (count == kMost)
                columns<Source, kS, kMost, kAsk>(call, stream, column);
            else
                rest<Source, kS, kMost - 1, kAsk>(call, stream, column, count);
        }
    }

    // Row tiles in pairs, columns in sixes: 24 of 32 registers are sums, and an activation that was
    // broadcast serves two row tiles.
    template <Accumulation kHow>
    static void panel(const IntegerCall& call) {
        using Source = Avx512Panel<kHow>;
        unsigned s = 0;
        for (; s + 2 <= call.streams; s += 2) {
            unsigned c = 0;
            for (; c + 6 <= call.columns; c += 6)
                columns<Source, 2, 6, Ask::kNothing>(call, s, c);
            rest<Source, 2, 5>(call, s, c, call.columns - c);
        }
        if (s < call.streams) {
            unsigned c = 0;
            for (; c + 8 <= call.columns; c += 8)
                columns<Source, 1, 8, Ask::kNothing>(call, s, c);
            rest<Source, 1, 7>(call, s, c, call.columns - c);
        }
    }

    // f32(start + sum of q * k) of kT tiles of 16 keys in bytes, n4 times four elements.
    template <unsigned kQ, unsigned kT>
    [[gnu::always_inline]] static void dot_bytes(const std::byte* const* k,
                                                 const std::int8_t* const (&q)[kQ],
                                                 const std::int32_t (&start)[kQ], std::uint32_t n4,
                                                 float (&out)[kQ][kT][16]) {
        __m512i isum[kQ][kT];
        for (unsigned i = 0; i < kQ; ++i)
            for (unsigned t = 0; t < kT; ++t)
                isum[i][t] = _mm512_set1_epi32(start[i]);
        for (std::uint32_t d = 0; d < n4; ++d) {
            __m512i bytes[kT];
            for (unsigned t = 0; t < kT; ++t)
                bytes[t] = _mm512_loadu_si512(k[t] + d * 64);
            for (unsigned i = 0; i < kQ; ++i) {
                const __m512i four = word(reinterpret_cast<const std::byte*>(q[i] + d * 4));
                for (unsigned t = 0; t < kT; ++t)
                    isum[i][t] = _mm512_dpbusd_epi32(isum[i][t], bytes[t], four);
            }
        }
        for (unsigned i = 0; i < kQ; ++i)
            for (unsigned t = 0; t < kT; ++t)
                _mm512_storeu_ps(out[i][t], _mm512_cvtepi32_ps(isum[i][t]));
    }

    template <isa::WeightFormat kFormat>
    static void tiles(const IntegerCall& call) {
        using Source = Avx512Tiles<kFormat>;
        if (call.columns == 1) {
            if (call.streams == 4)
                return columns<Source, 4, 1, Ask::kAhead>(call, 0, 0);
            for (unsigned s = 0; s < call.streams; ++s)
                columns<Source, 1, 1, Ask::kAhead>(call, s, 0);
            return;
        }
        unsigned s = 0;
        for (; s + 2 <= call.streams; s += 2) {
            if (call.columns <= 4) {
                rest<Source, 2, 4, Ask::kAhead>(call, s, 0, call.columns);
                continue;
            }
            unsigned c = 0;
            for (; c + 4 <= call.columns; c += 4)
                columns<Source, 2, 4, Ask::kNext>(call, s, c);
            rest<Source, 2, 3, Ask::kNext>(call, s, c, call.columns - c);
        }
        if (s < call.streams) {
            unsigned c = 0;
            for (; c + 8 <= call.columns; c += 8)
                columns<Source, 1, 8, Ask::kAhead>(call, s, c);
            rest<Source, 1, 7, Ask::kAhead>(call, s, c, call.columns - c);
        }
    }
};

}  // namespace skald::card::compute
