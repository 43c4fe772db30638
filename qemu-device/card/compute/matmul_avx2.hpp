// SPDX-License-Identifier: MIT
// MATMUL with integer weights on AVX2, which has no exact sum of products of bytes:
//
//   - codes of four bits and fewer: vpmaddubsw multiplies their numbers, unsigned, by four
//   broadcast
//     activations. What 32 or 64 k add up to fits in its 16 bits, so vpmaddwd widens only that;
//     where only what the signed weights add up to does, sums start from the offset and may wrap;
//   - eight bits would saturate it. They are split into even and odd bytes, as unsigned 16-bit
//     numbers, for vpmaddwd by pairs of 16-bit activations.
//
// Either way the sums of four k land in the lane of their row, and starting from -zero * (sum of
// the activations) makes the weights signed. A few columns take the weights from tiles as they lie;
// for many, some tiles at a time are decoded to panels in the innermost cache.
#pragma once

#include <immintrin.h>

#include <cstring>

#include "card/compute/kernels.hpp"
#include "card/compute/rows_impl.hpp"
#include "card/compute/vec16_avx2.hpp"

namespace skald::card::compute {

// A vector is half of a tile's rows, "part" says which.
inline constexpr unsigned kAvx2Parts = 2;

// Loops over k are unrolled, but for builds that check every access: those would take the compiler
// ten minutes.
#ifndef __has_feature  // g++ says it with __SANITIZE_ADDRESS__
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr int kAvx2Unroll = 1;
#else
inline constexpr int kAvx2Unroll = 16;
#endif

[[gnu::always_inline]] inline __m256i avx2_load(const void* p) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}

// Whether 32 products of a format are too much for two sums of 16 bits.
constexpr bool avx2_wraps(const isa::WeightInfo& info) {
    constexpr unsigned kProducts = 16;
    return info.bits == 4 && (!info.numbers.empty() ? 2 * info.zero : 15) * kProducts * 128 > 32767;
}

// Weights as they lie in tiles.
template <isa::WeightFormat kFormat>
struct Avx2Tiles {
    using Layout = WeightLayout<kFormat>;
    static constexpr Accumulation kHow = Layout::kAccumulation;
    static constexpr std::size_t kBytes = Layout::kTileBytes;
    static constexpr unsigned kChunks = Layout::kChunks;
    static constexpr bool kPairs = Layout::kBits == 8;
    static constexpr bool kFields = Layout::kBits <= 2;
    static constexpr bool kWraps = avx2_wraps(Layout::kInfo);

    // The numbers of k 4 g .. 4 g + 3 of chunk c, in bytes.
    [[gnu::always_inline]] static __m256i four(const std::byte* tile, unsigned c, unsigned g,
                                               unsigned part) {
        const std::byte* chunk = tile + Layout::kHeader + c * Layout::kChunkBytes + part * 32;
        if constexpr (Layout::kBits == 8) {
            return avx2_load(chunk + g * 64);
        } else if constexpr (Layout::kBits == 4) {
            const __m256i v = avx2_load(chunk + (g / 8 * 4 + g % 4) * 64);
            const __m256i code =
                _mm256_and_si256(g % 8 < 4 ? v : _mm256_srli_epi16(v, 4), _mm256_set1_epi8(15));
            if constexpr (Layout::kCoded)
                return _mm256_shuffle_epi8(numbers(), code);
            else
                return code;
        } else if constexpr (Layout::kBits == 2) {
            const __m256i v = avx2_load(chunk + g % 4 * 64);
            return _mm256_and_si256(_mm256_srli_epi16(v, static_cast<int>(g / 4 * 2)),
                                    _mm256_set1_epi8(3));
        } else {
            static_assert(Layout::number(0) == 0 && Layout::number(1) == 2);
            const __m256i v = avx2_load(chunk + g / 8 * 64);
            return _mm256_and_si256(g % 8 == 0 ? _mm256_add_epi8(v, v)
                                               : _mm256_srli_epi16(v, static_cast<int>(g % 8 - 1)),
                                    _mm256_set1_epi8(2));
        }
    }
    [[gnu::always_inline]] static __m256i numbers() {
        return _mm256_broadcastsi128_si256(
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(Layout::kInfo.numbers.data())));
    }
    // Codes of few bits, two at a time: those of group first(i) in the lowest bits of each byte, of
    // kApart groups further on in the ones above; the others of the chunk follow with i.
    static constexpr unsigned kApart = Layout::kBits == 2 ? 4 : 1;
    static constexpr unsigned first(unsigned i) {
        return Layout::kBits == 2 ? i / 4 * 8 + i % 4 : i * 2;
    }
    static constexpr char kLow = (1 << Layout::kBits) - 1;
    static constexpr char kHigh = kLow << Layout::kBits;
    [[gnu::always_inline]] static __m256i fields(const std::byte* tile, unsigned c, unsigned g,
                                                 unsigned part) {
        const unsigned line = Layout::kBits == 2 ? g % 4 : g / 8;
        const unsigned shift = Layout::kBits == 2 ? g / 8 * 4 : g % 8;
        const __m256i v =
            avx2_load(tile + Layout::kHeader + c * Layout::kChunkBytes + part * 32 + line * 64);
        return shift == 0 ? v : _mm256_srli_epi16(v, static_cast<int>(shift));
    }
    // From sums over both, multiplied where they stand.
    [[gnu::always_inline]] static __m256i both(__m256i low, __m256i high) {
        if constexpr (Layout::kBits == 2)
            return _mm256_add_epi16(low, _mm256_srai_epi16(high, 2));
        else  // numbers are 0 and 2
            return _mm256_add_epi16(_mm256_add_epi16(low, low), high);
    }
    // Of four() the even (0, 2) or the odd ones (1, 3), in 16 bits.
    [[gnu::always_inline]] static __m256i pair(const std::byte* tile, unsigned c, unsigned g,
                                               unsigned part, unsigned odd) {
        const __m256i v = four(tile, c, g, part);
        return odd != 0 ? _mm256_srli_epi16(v, 8) : _mm256_and_si256(v, _mm256_set1_epi16(0xff));
    }
    [[gnu::always_inline]] static __m256 halves(const std::byte* p) {
        return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    }
    // As exponent_to_float().
    [[gnu::always_inline]] static __m256 exponents(const std::byte* p) {
        const __m256i bits = _mm256_slli_epi32(
            _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))), 23);
        return _mm256_mul_ps(
            _mm256_castsi256_ps(_mm256_max_epi32(bits, _mm256_set1_epi32(0x400000))),
            _mm256_set1_ps(0.5f));
    }
    [[gnu::always_inline]] static __m256 scale(const std::byte* tile, unsigned c, unsigned half,
                                               unsigned part) {
        const std::byte* at = tile + Layout::scale_at(c, half);
        if constexpr (Layout::kExponents)
            return exponents(at + part * 8);
        else
            return halves(at + part * 16);
    }
    [[gnu::always_inline]] static __m256 minimum(const std::byte* tile, unsigned c, unsigned half,
                                                 unsigned part) {
        return halves(tile + Layout::kMinimum + Layout::scale_at(c, half) + part * 16);
    }
};

// 64 k of a tile, decoded.
template <isa::WeightFormat kFormat>
struct alignas(64) Avx2Panel {
    using Tiles = Avx2Tiles<kFormat>;
    static constexpr Accumulation kHow = Tiles::kHow;
    static constexpr unsigned kChunks = 1;
    static constexpr bool kPairs = Tiles::kPairs;
    static constexpr bool kFields = false;
    static constexpr bool kWraps = Tiles::kWraps;

    __m256i numbers[16][kPairs ? 2 : 1][kAvx2Parts];
    __m256 scales[2][kAvx2Parts];
    __m256 minima[kHow == Accumulation::kAffine ? 2 : 1][kAvx2Parts];

    [[gnu::always_inline]] void decode(const std::byte* tile, unsigned c) {
#pragma GCC unroll kAvx2Unroll
        for (unsigned g = 0; g < 16; ++g)
            for (unsigned part = 0; part < kAvx2Parts; ++part)
                if constexpr (kPairs)
                    for (unsigned odd = 0; odd < 2; ++odd)
                        numbers[g][odd][part] = Tiles::pair(tile, c, g, part, odd);
                else
                    numbers[g][0][part] = Tiles::four(tile, c, g, part);
        for (unsigned half = 0; half < 2 && kHow != Accumulation::kRow; ++half)
            for (unsigned part = 0; part < kAvx2Parts; ++part) {
                scales[half][part] = Tiles::scale(tile, c, half, part);
                if constexpr (kHow == Accumulation::kAffine)
                    minima[half][part] = Tiles::minimum(tile, c, half, part);
            }
    }

    static constexpr std::size_t kBytes =
        sizeof(numbers) + sizeof(scales) + (sizeof(minima) + 63) / 64 * 64;
    [[gnu::always_inline]] static const Avx2Panel& at(const std::byte* p) {
        return *reinterpret_cast<const Avx2Panel*>(p);
    }
    [[gnu::always_inline]] static __m256i four(const std::byte* p, unsigned, unsigned g,
                                               unsigned part) {
        return at(p).numbers[g][0][part];
    }
    [[gnu::always_inline]] static __m256i pair(const std::byte* p, unsigned, unsigned g,
                                               unsigned part, unsigned odd) {
        return at(p).numbers[g][kPairs ? odd : 0][part];
    }
    [[gnu::always_inline]] static __m256 scale(const std::byte* p, unsigned, unsigned half,
                                               unsigned part) {
        return at(p).scales[half][part];
    }
    [[gnu::always_inline]] static __m256 minimum(const std::byte* p, unsigned, unsigned half,
                                                 unsigned part) {
        return at(p).minima[half][part];
    }
};

struct Avx2Integer {
    // Columns of a pass: of 16 registers their sums take ten.
    static constexpr unsigned kMost = 5;
    // Of so many passes on, weights are decoded to a panel first.
    static constexpr unsigned kPanelPasses = 4;
    // Panels decoded at a time, of all row tiles together: they share the innermost cache with
    // activations and what comes next.
    static constexpr std::size_t kPanelBytes = 20u << 10;
    static constexpr unsigned kPanelStreams = 2;  // row tiles at a time
    // From so many columns on, activations of 16 bits leave the second cache and are asked for too.
    static constexpr unsigned kManyColumns = 128;
    // How far ahead weights are asked for when memory is what bounds. Of all streams together.
    static constexpr std::size_t kAhead = 8192;

    // Numbers of eight bits meet activations of 16, each group of four k as (0, 2), (1, 3).
    static constexpr std::size_t number_bytes(unsigned bits) {
        return bits == 8 ? 2 * isa::kTileK : isa::kTileK;
    }
    static void pack_numbers(const std::int8_t* q, unsigned bits, std::byte* to) {
        if (bits != 8) {
            __builtin_memcpy(to, q, isa::kTileK);
            return;
        }
        for (std::uint32_t k = 0; k < isa::kTileK; k += 16) {
            const __m128i v = _mm_shuffle_epi8(
                _mm_loadu_si128(reinterpret_cast<const __m128i*>(q + k)),
                _mm_setr_epi8(0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15));
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + k * 2), _mm256_cvtepi8_epi16(v));
        }
    }

    // With kWraps -zero * sum of either half of every four k.
    static std::int32_t offset(const isa::WeightInfo& info, const std::int8_t* q,
                               std::int32_t sum) {
        if (!avx2_wraps(info))
            return -info.zero * sum;
        const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), avx2_load(q));
        __m128i half =
            _mm_add_epi16(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
        half = _mm_add_epi16(half, _mm_unpackhi_epi64(half, half));
        half = _mm_add_epi16(half, _mm_srli_epi64(half, 32));
        return _mm_cvtsi128_si32(
            _mm_mullo_epi16(half, _mm_set1_epi16(static_cast<std::int16_t>(-info.zero))));
    }

    [[gnu::always_inline]] static __m256i word(const std::byte* p) {
        std::int32_t value;
        __builtin_memcpy(&value, p, 4);
        return _mm256_set1_epi32(value);
    }
    [[gnu::always_inline]] static __m256 number(const std::byte* p) {
        return _mm256_castsi256_ps(word(p));
    }

    // To the innermost cache, or to the second while the innermost is full of what several passes
    // share.
    static constexpr int kInnermost = 3;
    static constexpr int kSecond = 2;
    template <int kLocality>
    [[gnu::always_inline]] static void fetch(const std::byte* from, std::size_t lines) {
        for (std::size_t i = 0; i < lines; ++i)
            __builtin_prefetch(from + i * 64, 0, kLocality);
    }

    // Keeps sums in registers: left alone, the compiler would add in trees, whose leaves it spills.
    [[gnu::always_inline]] static void pin(__m256i& sum) { asm("" : "+x"(sum)); }

    template <class Source>
    using Activations = ActivationLayout<number_bytes(Source::kPairs ? 8 : 4)>;

    // isum += 4 kGroups k from 4 first on, of a tile by kC columns; kWraps: isum comes as what the
    // two sums of 16 bits of each lane start from.
    template <class Source, unsigned kC, unsigned kGroups>
    [[gnu::always_inline]] static void products(const std::byte* w, unsigned chunk, unsigned first,
                                                const std::byte* x,
                                                __m256i (&isum)[kC][kAvx2Parts]) {
        constexpr std::size_t kStride = Activations<Source>::kBytes;
        if constexpr (Source::kPairs) {
#pragma GCC unroll kAvx2Unroll
            for (unsigned g = first; g < first + kGroups; ++g)
                for (unsigned odd = 0; odd < 2; ++odd) {
                    __m256i v[kAvx2Parts];
                    for (unsigned part = 0; part < kAvx2Parts; ++part)
                        v[part] = Source::pair(w, chunk, g, part, odd);
                    for (unsigned c = 0; c < kC; ++c) {
                        const __m256i q = word(x + c * kStride + g * 8 + odd * 4);
                        for (unsigned part = 0; part < kAvx2Parts; ++part) {
                            isum[c][part] =
                                _mm256_add_epi32(isum[c][part], _mm256_madd_epi16(v[part], q));
                            pin(isum[c][part]);
                        }
                    }
                }
        } else if constexpr (kC == 1 && Source::kFields) {
            // One column does not repay taking every field to its place: they are multiplied where
            // they stand.
            __m256i low[kAvx2Parts];
            __m256i high[kAvx2Parts];
#pragma GCC unroll kAvx2Unroll
            for (unsigned i = 0; i < kGroups / 2; ++i) {
                const unsigned g = first + Source::first(i);
                const __m256i q = word(x + g * 4);
                const __m256i next = word(x + (g + Source::kApart) * 4);
                for (unsigned part = 0; part < kAvx2Parts; ++part) {
                    const __m256i v = Source::fields(w, chunk, g, part);
                    const __m256i a = _mm256_maddubs_epi16(
                        _mm256_and_si256(v, _mm256_set1_epi8(Source::kLow)), q);
                    const __m256i b = _mm256_maddubs_epi16(
                        _mm256_and_si256(v, _mm256_set1_epi8(Source::kHigh)), next);
                    low[part] = i == 0 ? a : _mm256_add_epi16(low[part], a);
                    high[part] = i == 0 ? b : _mm256_add_epi16(high[part], b);
                    pin(low[part]);
                    pin(high[part]);
                }
            }
            for (unsigned part = 0; part < kAvx2Parts; ++part)
                isum[0][part] = _mm256_add_epi32(
                    isum[0][part],
                    _mm256_madd_epi16(Source::both(low[part], high[part]), _mm256_set1_epi16(1)));
        } else {
            __m256i sum[kC][kAvx2Parts];
#pragma GCC unroll kAvx2Unroll
            for (unsigned g = first; g < first + kGroups; ++g) {
                __m256i v[kAvx2Parts];
                for (unsigned part = 0; part < kAvx2Parts; ++part)
                    v[part] = Source::four(w, chunk, g, part);
                for (unsigned c = 0; c < kC; ++c) {
                    const __m256i q = word(x + c * kStride + g * 4);
                    for (unsigned part = 0; part < kAvx2Parts; ++part) {
                        const __m256i two = _mm256_maddubs_epi16(v[part], q);
                        sum[c][part] = g != first       ? _mm256_add_epi16(sum[c][part], two)
                                       : Source::kWraps ? _mm256_add_epi16(isum[c][part], two)
                                                        : two;
                        pin(sum[c][part]);
                    }
                }
            }
            for (unsigned c = 0; c < kC; ++c)
                for (unsigned part = 0; part < kAvx2Parts; ++part) {
                    const __m256i all = _mm256_madd_epi16(sum[c][part], _mm256_set1_epi16(1));
                    isum[c][part] = Source::kWraps ? all : _mm256_add_epi32(isum[c][part], all);
                }
        }
    }

    // 64 k of a tile by kC columns, into the sums at out.
    template <class Source, unsigned kC>
    [[gnu::always_inline]] static void chunk_rows(const std::byte* w, unsigned chunk,
                                                  const std::byte* x, float* out,
                                                  std::size_t stride) {
        __m256i isum[kC][kAvx2Parts];
        for (unsigned c = 0; c < kC; ++c)
            for (unsigned part = 0; part < kAvx2Parts; ++part)
                isum[c][part] = avx2_load(out + c * stride + part * 8);
        products<Source, kC, 16>(w, chunk, 0, x, isum);
        for (unsigned c = 0; c < kC; ++c)
            for (unsigned part = 0; part < kAvx2Parts; ++part)
                _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + c * stride + part * 8),
                                    isum[c][part]);
    }
    template <class Source, unsigned kC>
    [[gnu::always_inline]] static void chunk_blocks(const std::byte* w, unsigned chunk,
                                                    unsigned half, const std::byte* x, float* out,
                                                    std::size_t stride) {
        using Layout = Activations<Source>;
        const std::byte* offset = x + Layout::kOffset + half * 4;
        __m256i isum[kC][kAvx2Parts];
        for (unsigned c = 0; c < kC; ++c)
            for (unsigned part = 0; part < kAvx2Parts; ++part)
                isum[c][part] = Source::kHow == Accumulation::kSymmetric
                                    ? word(offset + c * Layout::kBytes)
                                    : _mm256_setzero_si256();
        products<Source, kC, 8>(w, chunk, half * 8, x, isum);
        __m256 scale[kAvx2Parts];
        for (unsigned part = 0; part < kAvx2Parts; ++part)
            scale[part] = Source::scale(w, chunk, half, part);
        for (unsigned c = 0; c < kC; ++c) {
            const __m256 d = number(x + Layout::kScale + half * 4 + c * Layout::kBytes);
            for (unsigned part = 0; part < kAvx2Parts; ++part) {
                float* to = out + c * stride + part * 8;
                __m256 acc = _mm256_fmadd_ps(_mm256_cvtepi32_ps(isum[c][part]),
                                             _mm256_mul_ps(scale[part], d), _mm256_loadu_ps(to));
                if constexpr (Source::kHow == Accumulation::kAffine)
                    acc = _mm256_fmadd_ps(number(offset + c * Layout::kBytes),
                                          _mm256_mul_ps(Source::minimum(w, chunk, half, part), d),
                                          acc);
                _mm256_storeu_ps(to, acc);
            }
        }
    }

    // What a pass asks memory for meanwhile: some lines with each tile.
    struct Ask {
        const std::byte* next = nullptr;
        std::size_t lines = 0;  // left
        std::size_t share = 0;  // with each tile
        // Only for a single pass over weights, which go to the innermost cache: where to go on
        // after the lines, if anywhere.
        bool single = false;
        const std::byte* then = nullptr;

        [[gnu::always_inline]] void some() {
            if (next == nullptr)
                return;
            const std::size_t n = lines < share ? lines : share;
            if (single)
                fetch<kInnermost>(next, n);
            else
                fetch<kSecond>(next, n);
            next += n * 64;
            lines -= n;
            if (lines == 0) {
                next = then;
                lines = ~std::size_t{0};
                then = nullptr;
            }
        }
    };

    // Some columns' activations, and where their sums are.
    struct Columns {
        const std::byte* x;
        std::size_t step;   // bytes from 64 k to the next
        std::size_t ahead;  // bytes to what will be wanted next; 0: not to be asked for
        float* out;
        std::size_t stride;  // elements
    };

    // `count` tiles along k of kS row tiles by kC columns.
    template <class Source, unsigned kS, unsigned kC>
    static void pass(const std::byte* const* tiles, std::uint32_t count, const Columns& columns,
                     Ask (&ask)[kS]) {
        constexpr std::size_t kLines = (kC * Activations<Source>::kBytes + 63) / 64;
        const std::byte* x = columns.x;
        const std::byte* w[kS];
        for (unsigned s = 0; s < kS; ++s)
            w[s] = tiles[s];
        for (std::uint32_t t = 0; t < count; ++t) {
            for (unsigned s = 0; s < kS; ++s) {
                ask[s].some();
                float* out = columns.out + s * isa::kTileRows;
                for (unsigned chunk = 0; chunk < Source::kChunks; ++chunk) {
                    const std::byte* xc = x + chunk * columns.step;
                    if (columns.ahead != 0)
                        fetch<kSecond>(xc + columns.ahead, kLines);
                    if constexpr (Source::kHow == Accumulation::kRow) {
                        chunk_rows<Source, kC>(w[s], chunk, xc, out, columns.stride);
                    } else {
                        chunk_blocks<Source, kC>(w[s], chunk, 0, xc, out, columns.stride);
                        chunk_blocks<Source, kC>(w[s], chunk, 1, xc, out, columns.stride);
                    }
                }
                w[s] += Source::kBytes;
            }
            x += Source::kChunks * columns.step;
        }
    }

    // n columns, 1 .. kN.
    template <class Source, unsigned kS, unsigned kN>
    static void some(const std::byte* const* tiles, std::uint32_t count, const Columns& columns,
                     unsigned n, Ask (&ask)[kS]) {
        if constexpr (kN > 0) {
            if (n == kN)
                pass<Source, kS, kN>(tiles, count, columns, ask);
            else
                some<Source, kS, kN - 1>(tiles, count, columns, n, ask);
        }
    }

    // Weights from tiles, kS row tiles from `stream` on.
    template <isa::WeightFormat kFormat, unsigned kS, unsigned kN>
    static void direct(const IntegerCall& call, unsigned stream) {
        using Source = Avx2Tiles<kFormat>;
        constexpr std::size_t kTileLines = (Source::kBytes + 63) / 64;
        const unsigned passes = (call.columns + call.group - 1) / call.group;
        const std::size_t lines = Source::kBytes * call.count / 64;
        std::size_t done = 0;
        unsigned number = 0;
        call.each_group([&](const std::byte* x, unsigned column, unsigned columns) {
            Ask ask[kS];
            ++number;
            const std::size_t end = lines * number / passes;
            for (unsigned s = 0; s < kS; ++s) {
                const std::byte* next = call.next[stream + s];
                if (passes == 1) {  // this call's further on, then the next's
                    constexpr std::size_t kLead = kAhead / kS / 64;
                    const std::size_t rest = lines > kLead ? lines - kLead : 0;
                    ask[s] = rest != 0 ? Ask{call.w[stream + s] + kLead * 64, rest, kTileLines,
                                             true, next}
                                       : Ask{next, lines, kTileLines, true, nullptr};
                } else if (next != nullptr) {  // a share of the next call's
                    ask[s] = {next + done * 64, end - done,
                              (end - done + call.count - 1) / call.count};
                }
            }
            done = end;
            float* out = call.acc + column * call.acc_stride + stream * isa::kTileRows;
            some<Source, kS, kN>(call.w + stream, call.count,
                                 {x, call.x_step, 0, out, call.acc_stride}, columns, ask);
        });
    }

    // Weights decoded first, for all columns.
    template <isa::WeightFormat kFormat>
    static void by_panels(const IntegerCall& call) {
        using Tiles = Avx2Tiles<kFormat>;
        using Panel = Avx2Panel<kFormat>;
        static_assert(sizeof(Panel) == Panel::kBytes);
        constexpr unsigned kPanels =
            kPanelBytes / kPanelStreams / sizeof(Panel) / Tiles::kChunks * Tiles::kChunks;
        constexpr std::uint32_t kTiles = kPanels / Tiles::kChunks;
        static_assert(kTiles > 0);
        Panel panels[kPanelStreams][kPanels];
        const std::size_t ahead = Panel::kPairs && call.columns >= kManyColumns ? call.x_group : 0;
        const unsigned passes = (call.columns + call.group - 1) / call.group;
        for (unsigned first = 0; first < call.streams; first += kPanelStreams) {
            const unsigned streams =
                call.streams - first < kPanelStreams ? call.streams - first : kPanelStreams;
            for (std::uint32_t begin = 0; begin < call.count; begin += kTiles) {
                const std::uint32_t count =
                    call.count - begin < kTiles ? call.count - begin : kTiles;
                for (unsigned s = 0; s < streams; ++s)
                    for (std::uint32_t t = 0; t < count; ++t)
                        for (unsigned c = 0; c < Tiles::kChunks; ++c)
                            panels[s][t * Tiles::kChunks + c].decode(
                                call.w[first + s] + (begin + t) * Tiles::kBytes, c);
                const std::uint32_t after = begin + count;
                const std::size_t lines = Tiles::kBytes * count / 64;
                std::size_t done = 0;
                unsigned number = 0;
                call.each_group([&](const std::byte* x, unsigned column, unsigned columns) {
                    const std::size_t end = lines * ++number / passes;
                    x += std::size_t{begin} * Tiles::kChunks * call.x_step;
                    for (unsigned s = 0; s < streams; ++s) {
                        const std::byte* next = after < call.count
                                                    ? call.w[first + s] + after * Tiles::kBytes
                                                    : call.next[first + s];
                        Ask ask[1];
                        if (next != nullptr)
                            ask[0] = {next + done * 64, end - done,
                                      (end - done + count - 1) / count};
                        const auto* w = reinterpret_cast<const std::byte*>(panels[s]);
                        float* out =
                            call.acc + column * call.acc_stride + (first + s) * isa::kTileRows;
                        some<Panel, 1, kMost>(&w, count * Tiles::kChunks,
                                              {x, call.x_step, ahead, out, call.acc_stride},
                                              columns, ask);
                    }
                    done = end;
                });
            }
        }
    }

    // Passes about equally wide.
    static unsigned group(isa::WeightFormat, unsigned columns) {
        const unsigned passes = (columns + kMost - 1) / kMost;
        return (columns + passes - 1) / passes;
    }
    template <isa::WeightFormat kFormat>
    static void tiles(const IntegerCall& call) {
        if (call.first)
            for (unsigned c = 0; c < call.columns; ++c)
                std::memset(call.acc + c * call.acc_stride, 0, call.streams * isa::kTileRows * 4);
        if (call.columns > (kPanelPasses - 1) * call.group) {
            by_panels<kFormat>(call);
        } else if (call.columns == 1 && call.streams == 4) {
            direct<kFormat, 4, 1>(call, 0);
        } else {
            for (unsigned s = 0; s < call.streams; ++s)
                direct<kFormat, 1, kMost>(call, s);
        }
        if (call.end != nullptr)
            Rows<Avx2Vec>::finish(*call.end);
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
                    const __m256i bytes = avx2_load(k[t] + d * 64 + part * 32);
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
};

}  // namespace skald::card::compute
