// SPDX-License-Identifier: MIT
// MATMUL with integer weights on AVX-512 VNNI: vpdpbusd multiplies unsigned weight bytes with four
// broadcast activations; starting from -zero * (sum of the activations) makes the weights signed.
// Weights are decoded in registers.
#pragma once

#include <immintrin.h>

#include "card/compute/kernels.hpp"
#include "card/compute/vec16_avx512.hpp"

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
            const __m512i code =
                _mm512_and_si512(g % 8 < 4 ? v : _mm512_srli_epi16(v, 4), _mm512_set1_epi8(15));
            if constexpr (Layout::kCoded)
                return _mm512_shuffle_epi8(numbers(), code);
            else
                return code;
        } else if constexpr (Layout::kBits == 2) {
            const __m512i v = _mm512_loadu_si512(chunk + g % 4 * 64);
            return _mm512_and_si512(_mm512_srli_epi16(v, g / 4 * 2), _mm512_set1_epi8(3));
        } else {
            static_assert(Layout::number(0) == 0 && Layout::number(1) == 2);
            const __m512i v = _mm512_loadu_si512(chunk + g / 8 * 64);
            return _mm512_and_si512(
                g % 8 == 0 ? _mm512_add_epi8(v, v) : _mm512_srli_epi16(v, g % 8 - 1),
                _mm512_set1_epi8(2));
        }
    }
    [[gnu::always_inline]] static __m512i numbers() {
        return _mm512_broadcast_i32x4(
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(Layout::kInfo.numbers.data())));
    }
    [[gnu::always_inline]] static __m512 halves(const std::byte* p) {
        return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    }
    // As exponent_to_float().
    [[gnu::always_inline]] static __m512 exponents(const std::byte* p) {
        const __m512i bits = _mm512_slli_epi32(
            _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))), 23);
        return _mm512_mul_ps(
            _mm512_castsi512_ps(_mm512_max_epi32(bits, _mm512_set1_epi32(0x400000))),
            _mm512_set1_ps(0.5f));
    }
    [[gnu::always_inline]] static __m512 scale(const std::byte* tile, unsigned c, unsigned half) {
        const std::byte* at = tile + Layout::scale_at(c, half);
        if constexpr (Layout::kExponents)
            return exponents(at);
        else
            return halves(at);
    }
    [[gnu::always_inline]] static __m512 minimum(const std::byte* tile, unsigned c, unsigned half) {
        return halves(tile + Layout::kMinimum + Layout::scale_at(c, half));
    }
};

struct Avx512Integer {
    using Activations = ActivationLayout<isa::kTileK>;
    static constexpr std::size_t kActivationBytes = Activations::kBytes;
    // How far ahead weights are asked for when memory is what bounds: about a latency's worth.
    // Of all streams together, a part of the innermost cache.
    static constexpr std::size_t kAhead = 8192;

    static constexpr std::size_t number_bytes(unsigned) { return isa::kTileK; }
    static std::int32_t offset(const isa::WeightInfo& info, const std::int8_t*, std::int32_t sum) {
        return -info.zero * sum;
    }
    static void pack_numbers(const std::int8_t* q, unsigned, std::byte* to) {
        __builtin_memcpy(to, q, isa::kTileK);
    }

    [[gnu::always_inline]] static __m512i word(const std::byte* p) {
        std::int32_t value;
        __builtin_memcpy(&value, p, 4);
        return _mm512_set1_epi32(value);
    }
    [[gnu::always_inline]] static __m512 number(const std::byte* p) {
        return _mm512_castsi512_ps(word(p));
    }

    // What a pass over the weights asks memory for: nothing, the weights kAhead further on, or its
    // share of the next call's, so that memory works during all passes.
    enum class Ask { kNothing, kAhead, kNext };

    [[gnu::always_inline]] static void fetch(const std::byte* from, std::size_t lines) {
        for (std::size_t i = 0; i < lines; ++i)
            _mm_prefetch(reinterpret_cast<const char*>(from) + i * 64, _MM_HINT_T0);
    }

    // The innermost step: half a chunk (32 k) of kS row tiles and kC columns.
    template <class Source, unsigned kS, unsigned kC>
    [[gnu::always_inline]] static void block(const std::byte* const (&w)[kS], unsigned chunk,
                                             unsigned half, const std::byte* x,
                                             __m512 (&acc)[kS][kC]) {
        constexpr Accumulation kHow = Source::kHow;
        constexpr std::size_t kStride = kActivationBytes;
        const std::byte* offset = x + Activations::kOffset + half * 4;
        __m512i isum[kS][kC];
        for (unsigned c = 0; c < kC; ++c) {
            const __m512i start = kHow == Accumulation::kSymmetric ? word(offset + c * kStride)
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
                const __m512i q = word(x + c * kStride + (half * 8 + g) * 4);
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
                const __m512 d = number(x + c * kStride + Activations::kScale + half * 4);
                for (unsigned s = 0; s < kS; ++s) {
                    acc[s][c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(isum[s][c]),
                                                _mm512_mul_ps(scale[s], d), acc[s][c]);
                    if constexpr (kHow == Accumulation::kAffine)
                        acc[s][c] = _mm512_fmadd_ps(
                            number(offset + c * kStride),
                            _mm512_mul_ps(Source::minimum(w[s], chunk, half), d), acc[s][c]);
                }
            }
        }
    }

    // A pass: kC columns of one group. next: what to ask memory for meanwhile, `lines` of each row
    // tile's.
    template <class Source, unsigned kS, unsigned kC, Ask kAsk>
    static void columns(const IntegerCall& call, unsigned stream, const std::byte* x,
                        unsigned column, unsigned part = 0, unsigned parts = 1) {
        float* out = call.acc + column * call.acc_stride + stream * isa::kTileRows;
        const std::byte* w[kS];
        const std::byte* next[kS];
        __m512 acc[kS][kC];
        // Integers may be added in any order: a second set of sums where one is too few to fill the
        // pipes.
        constexpr bool kTwice = Source::kHow == Accumulation::kRow && kS * kC < 8;
        __m512 more[kS][kC];
        constexpr std::size_t kLines = (Source::kBytes + 63) / 64;
        constexpr std::uint32_t kTilesAhead = (kAhead / kS + Source::kBytes - 1) / Source::kBytes;
        // The tile from which on what is ahead belongs to the next call.
        const std::uint32_t turn = call.count > kTilesAhead ? call.count - kTilesAhead : 0;
        const std::size_t all = kLines * call.count;
        const std::size_t end = all * (part + 1) / parts;
        std::size_t line = all * part / parts;
        const std::size_t share = (end - line + call.count - 1) / call.count;
        for (unsigned s = 0; s < kS; ++s) {
            w[s] = call.w[stream + s];
            next[s] =
                kAsk == Ask::kAhead ? w[s] + kTilesAhead * Source::kBytes : call.next[stream + s];
            for (unsigned c = 0; c < kC; ++c) {
                acc[s][c] = call.first
                                ? _mm512_setzero_ps()
                                : _mm512_loadu_ps(out + c * call.acc_stride + s * isa::kTileRows);
                more[s][c] = _mm512_setzero_ps();
            }
        }
        for (std::uint32_t t = 0; t < call.count; ++t) {
            if constexpr (kAsk == Ask::kAhead) {
                if (t == turn)
                    for (unsigned s = 0; s < kS; ++s)
                        if (call.next[stream + s] != nullptr)
                            next[s] = call.next[stream + s] +
                                      (t + kTilesAhead - call.count) * Source::kBytes;
                for (unsigned s = 0; s < kS; ++s) {
                    fetch(next[s], kLines);
                    next[s] += Source::kBytes;
                }
            } else {
                const std::size_t count = end - line < share ? end - line : share;
                for (unsigned s = 0; s < kS; ++s)
                    if (next[s] != nullptr)
                        fetch(next[s] + line * 64, count);
                line += count;
            }
            for (unsigned chunk = 0; chunk < Source::kChunks; ++chunk) {
                block<Source, kS, kC>(w, chunk, 0, x, acc);
                block<Source, kS, kC>(w, chunk, 1, x, kTwice ? more : acc);
                x += call.x_step;
            }
            for (unsigned s = 0; s < kS; ++s)
                w[s] += Source::kBytes;
        }
        if (call.end != nullptr)
            return finish(*call.end, stream, column, acc);
        for (unsigned s = 0; s < kS; ++s)
            for (unsigned c = 0; c < kC; ++c) {
                if constexpr (kTwice)
                    acc[s][c] = _mm512_castsi512_ps(_mm512_add_epi32(
                        _mm512_castps_si512(acc[s][c]), _mm512_castps_si512(more[s][c])));
                _mm512_storeu_ps(out + c * call.acc_stride + s * isa::kTileRows, acc[s][c]);
            }
    }

    // From sums in registers to outputs.
    template <unsigned kS, unsigned kC>
    [[gnu::always_inline]] static void finish(const MatmulEnd& end, unsigned stream,
                                              unsigned column, const __m512 (&acc)[kS][kC]) {
        for (unsigned s = 0; s < kS; ++s)
            for (unsigned c = 0; c < kC; ++c)
                finish_one(end, (stream + s) * isa::kTileRows, column + c, acc[s][c]);
    }
    // Sixteen outputs of a column, from output `at` on.
    [[gnu::always_inline]] static void finish_one(const MatmulEnd& end, std::size_t at,
                                                  unsigned column, __m512 acc) {
        float* y = end.y + column * end.y_stride + at;
        Avx512Vec v{acc};
        if (end.bias != nullptr)
            v = v + Avx512Vec::load(end.bias + at);
        if (end.accumulate)
            v = Avx512Vec::load(y) + v;
        Avx512Vec::canonical(v).store(y);
    }

    // 1 .. kMost columns.
    template <class Source, unsigned kS, unsigned kMost, Ask kAsk>
    static void some(const IntegerCall& call, unsigned stream, const std::byte* x, unsigned column,
                     unsigned count, unsigned part, unsigned parts) {
        if constexpr (kMost > 0) {
            if (count == kMost)
                columns<Source, kS, kMost, kAsk>(call, stream, x, column, part, parts);
            else
                some<Source, kS, kMost - 1, kAsk>(call, stream, x, column, count, part, parts);
        }
    }
    // A pass for every group. Memory works during all of them; where the outputs go lies at a
    // distance that it does not guess.
    template <class Source, unsigned kS, unsigned kMost>
    static void groups(const IntegerCall& call, unsigned stream) {
        const unsigned parts = (call.columns + call.group - 1) / call.group;
        unsigned part = 0;
        call.each_group([&](const std::byte* x, unsigned column, unsigned columns) {
            if (parts == 1)
                return some<Source, kS, kMost, Ask::kAhead>(call, stream, x, column, columns, 0, 1);
            if (call.end != nullptr) {
                const float* y =
                    call.end->y + column * call.end->y_stride + stream * isa::kTileRows;
                for (unsigned c = 0; c < columns; ++c, y += call.end->y_stride)
                    fetch(reinterpret_cast<const std::byte*>(y), kS);
            }
            some<Source, kS, kMost, Ask::kNext>(call, stream, x, column, columns, part++, parts);
        });
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

    // Up to eight columns are one pass, though with a pair of row tiles it spills a few sums. More
    // are done in sixes: 24 of 32 registers are sums, and an activation that was broadcast serves
    // two row tiles; integers for whole rows need half of the registers. Passes are about equally
    // wide, for a narrow one would wait for its own sums.
    static unsigned group(isa::WeightFormat format, unsigned columns) {
        const unsigned most =
            columns <= 8 || isa::weight_info(format).group == isa::QuantGroup::Row ? 8 : 6;
        const unsigned passes = (columns + most - 1) / most;
        return (columns + passes - 1) / passes;
    }
    // One column is bound by memory, which four streams of weights serve best.
    template <isa::WeightFormat kFormat>
    static void tiles(const IntegerCall& call) {
        using Source = Avx512Tiles<kFormat>;
        if (call.columns == 1 && call.streams == 4)
            return columns<Source, 4, 1, Ask::kAhead>(call, 0, call.x, 0);
        unsigned s = 0;
        for (; call.columns > 1 && s + 2 <= call.streams; s += 2)
            groups<Source, 2, 8>(call, s);
        for (; s < call.streams; ++s)
            groups<Source, 1, 8>(call, s);
    }
};

}  // namespace skald::card::compute
