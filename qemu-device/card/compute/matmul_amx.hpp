// SPDX-License-Identifier: MIT
// MATMUL of several columns with integer weights on AMX: one instruction multiplies the numbers of
// up to sixteen columns with 32 or 64 k of sixteen rows. What the tiles sum are integers, so that
// their order is free; the scales join in AVX-512 as on every path. Weights are expanded to signed
// bytes once for all columns of a call.
//
// Which tile holds what: amx_shape.hpp.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "card/compute/amx_shape.hpp"
#include "card/compute/kernels.hpp"
#include "card/compute/matmul_avx512.hpp"

namespace skald::card::compute {

// 16 rows x 64 k of any format.
struct AmxPanel {
    alignas(64) std::byte numbers[isa::kTileRows * isa::kTileK];  // in the order of isa::ChunkI8
    float scale[2][isa::kTileRows];                               // of each 32 k
    float minimum[2][isa::kTileRows];                             // affine formats
};

// The tiles' configuration while a call uses them; loading it takes some hundred cycles. Left
// configured they would be saved and restored with every change of threads.
class AmxTiles {
  public:
    AmxTiles() = default;
    AmxTiles(const AmxTiles&) = delete;
    AmxTiles& operator=(const AmxTiles&) = delete;
    [[gnu::always_inline]] ~AmxTiles() { _tile_release(); }
    [[gnu::always_inline]] void use(const AmxShape& shape) {
        if (current_ != &shape)
            _tile_loadconfig(&shape);
        current_ = &shape;
    }

  private:
    const AmxShape* current_ = nullptr;
};

struct AmxInteger {
    using Wide = Avx512Integer;
    using Activations = Wide::Activations;
    static constexpr unsigned kColumns = kAmxRows;  // of a group
    // Fewer columns are done sooner by vpdpbusd (measured).
    static constexpr unsigned least_columns(isa::WeightFormat format) {
        return isa::weight_info(format).group == isa::QuantGroup::Row ? 5 : 13;
    }
    // Row tiles that share a group's activations, and 64 k of each that are expanded together.
    static constexpr unsigned kStreams = 2;
    static constexpr unsigned kPanels = 4;

    // A range of k that fits the panels, of kStreams row tiles or fewer.
    struct Run {
        const IntegerCall* call;
        AmxTiles* tiles;
        const AmxPanel (*panels)[kPanels];
        unsigned streams;
        unsigned count;      // panels of each
        const std::byte* x;  // of group 0
        std::size_t out;     // first output, from where acc begins
        bool first;
        const MatmulEnd* end;
        // What memory is asked for meanwhile: the next run's weights.
        const std::byte* next[kStreams];
        std::size_t lines;  // of each stream
    };

    // A group of columns by a row tile.
    struct Pass {
        unsigned stream;
        unsigned column;
        unsigned columns;
    };

    template <isa::WeightFormat kFormat>
    [[gnu::always_inline]] static void expand(const std::byte* tile, AmxPanel* to) {
        using Source = Avx512Tiles<kFormat>;
        constexpr isa::WeightInfo kInfo = isa::weight_info(kFormat);
        // Rows stay unsigned: their end subtracts.
        constexpr int kZero = Source::kHow == Accumulation::kSymmetric ? kInfo.zero : 0;
        const __m512i zero = _mm512_set1_epi8(static_cast<char>(kZero));
        for (unsigned c = 0; c < Source::kChunks; ++c, ++to) {
            for (unsigned g = 0; g < isa::kTileK / 4; ++g)
                _mm512_store_si512(to->numbers + g * 64,
                                   _mm512_sub_epi8(Source::four(tile, c, g), zero));
            if constexpr (Source::kHow != Accumulation::kRow)
                for (unsigned half = 0; half < 2; ++half) {
                    _mm512_storeu_ps(to->scale[half], Source::scale(tile, c, half));
                    if constexpr (Source::kHow == Accumulation::kAffine)
                        _mm512_storeu_ps(to->minimum[half], Source::minimum(tile, c, half));
                }
        }
    }

    [[gnu::always_inline]] static __m512 number(const std::byte* p) {
        float value;
        __builtin_memcpy(&value, p, 4);
        return _mm512_set1_ps(value);
    }

    // The scales' part of 32 k: kC columns' sums join the accumulators.
    template <Accumulation kHow, unsigned kC>
    [[gnu::always_inline]] static void join(const std::int32_t* sums, const AmxPanel& w,
                                            const std::byte* x, unsigned half, __m512 (&acc)[kC]) {
        const __m512 scale = _mm512_loadu_ps(w.scale[half]);
        const __m512 minimum = _mm512_loadu_ps(w.minimum[half]);
#pragma GCC unroll 16
        for (unsigned c = 0; c < kC; ++c, x += Activations::kBytes) {
            const std::byte* d = x + Activations::kScale + half * 4;
            const __m512 isum = _mm512_cvtepi32_ps(_mm512_load_si512(sums + c * isa::kTileRows));
            acc[c] = _mm512_fmadd_ps(isum, _mm512_mul_ps(scale, number(d)), acc[c]);
            if constexpr (kHow == Accumulation::kAffine)
                acc[c] = _mm512_fmadd_ps(number(x + Activations::kOffset + half * 4),
                                         _mm512_mul_ps(minimum, number(d)), acc[c]);
        }
    }

    template <unsigned kC>
    [[gnu::always_inline]] static void begin(const Run& run, const Pass& pass, __m512 (&acc)[kC]) {
        const float* out = place(run, pass);
#pragma GCC unroll 16
        for (unsigned c = 0; c < kC; ++c)
            acc[c] = run.first || c >= pass.columns
                         ? _mm512_setzero_ps()
                         : _mm512_loadu_ps(out + c * run.call->acc_stride);
    }
    [[gnu::always_inline]] static float* place(const Run& run, const Pass& pass) {
        return run.call->acc + pass.column * run.call->acc_stride + run.out +
               pass.stream * isa::kTileRows;
    }
    template <unsigned kC>
    [[gnu::always_inline]] static void flush(const Run& run, const Pass& pass,
                                             const __m512 (&acc)[kC]) {
        float* out = place(run, pass);
        const std::size_t at = run.out + pass.stream * isa::kTileRows;
        if (run.end != nullptr) {
#pragma GCC unroll 16
            for (unsigned c = 0; c < kC; ++c)
                if (c < pass.columns)
                    Wide::finish_one(*run.end, at, pass.column + c, acc[c]);
            return;
        }
#pragma GCC unroll 16
        for (unsigned c = 0; c < kC; ++c)
            if (c < pass.columns)
                _mm512_storeu_ps(out + c * run.call->acc_stride, acc[c]);
    }

    // Multiplies half a panel: 32 k.
#define SKALD_AMX_HALF(kHow, sums, activations, weights, x, w)                               \
    do {                                                                                     \
        _tile_loadd(activations, (x) + (sums) * isa::kQuantBlock, Activations::kBytes);      \
        _tile_loadd(weights, (w)->numbers + (sums) * isa::kQuantBlock * isa::kTileRows, 64); \
        _tile_zero(sums);                                                                    \
        if constexpr ((kHow) == Accumulation::kAffine)                                       \
            _tile_dpbsud(sums, activations, weights);                                        \
        else                                                                                 \
            _tile_dpbssd(sums, activations, weights);                                        \
    } while (false)

    // The passes of groups that are `columns` wide, from `column` on. The tiles work a panel ahead
    // of the scales, across the borders of passes. kC is `columns` rounded up: the scales of what
    // comes after a group's columns are read, which Activations leaves room for, and join nothing.
    template <Accumulation kHow, unsigned kC>
    static void blocks(const Run& run, const std::byte* x0, unsigned column, unsigned groups,
                       unsigned columns) {
        alignas(64) std::int32_t sums[2][kC * isa::kTileRows] = {};
        __m512 acc[kC];
        Pass done{};
        const AmxPanel* w_done = nullptr;
        const std::byte* x_done = nullptr;
        const IntegerCall& call = *run.call;
        run.tiles->use(kAmxBlockShapes[columns]);
        for (unsigned g = 0; g < groups; ++g, x0 += call.x_group, column += columns) {
            for (unsigned s = 0; s < run.streams; ++s) {
                const Pass pass{s, column, columns};
                const AmxPanel* w = run.panels[s];
                const std::byte* x = x0;
                const Share share(run, s, g, groups);
                for (unsigned t = 0; t < run.count; ++t, ++w, x += call.x_step) {
                    SKALD_AMX_HALF(kHow, 0, 4, 6, x, w);
                    share.fetch(t);
                    if (w_done != nullptr) {
                        _tile_stored(1, sums[1], 64);
                        join<kHow, kC>(sums[0], *w_done, x_done, 0, acc);
                    }
                    SKALD_AMX_HALF(kHow, 1, 5, 7, x, w);
                    _tile_stored(0, sums[0], 64);
                    if (w_done != nullptr)
                        join<kHow, kC>(sums[1], *w_done, x_done, 1, acc);
                    if (t == 0) {
                        if (w_done != nullptr)
                            flush<kC>(run, done, acc);
                        begin<kC>(run, pass, acc);
                        done = pass;
                    }
                    w_done = w;
                    x_done = x;
                }
            }
        }
        _tile_stored(1, sums[1], 64);
        join<kHow, kC>(sums[0], *w_done, x_done, 0, acc);
        join<kHow, kC>(sums[1], *w_done, x_done, 1, acc);
        flush<kC>(run, done, acc);
    }
#undef SKALD_AMX_HALF

    // A pass's share of what memory is asked for.
    struct Share {
        const std::byte* from;
        std::size_t lines;
        std::size_t each;

        [[gnu::always_inline]] Share(const Run& run, unsigned s, unsigned g, unsigned groups)
            : from(run.next[s]), lines(0), each(0) {
            if (from == nullptr)
                return;
            const std::size_t first = run.lines * g / groups;
            from += first * 64;
            lines = run.lines * (g + 1) / groups - first;
            each = (lines + run.count - 1) / run.count;
        }
        [[gnu::always_inline]] void fetch(unsigned t) const {
            const std::size_t last = std::min(lines, (t + 1) * each);
            for (std::size_t i = t * each; i < last; ++i)
                _mm_prefetch(reinterpret_cast<const char*>(from) + i * 64, _MM_HINT_T0);
        }
    };

    // The same where one scale serves a whole row: nothing but tiles.
    static void rows(const Run& run, const std::byte* x0, unsigned column, unsigned groups,
                     unsigned columns) {
        const IntegerCall& call = *run.call;
        const auto stride = static_cast<long>(call.acc_stride * 4);
        run.tiles->use(kAmxRowShapes[columns]);
        for (unsigned g = 0; g < groups; ++g, x0 += call.x_group, column += columns) {
            float* out = place(run, {0, column, columns});
            const std::byte* x = x0;
            if (run.first) {
                _tile_zero(0);
                _tile_zero(1);
            } else {
                _tile_loadd(0, out, stride);
                if (run.streams > 1)
                    _tile_loadd(1, out + isa::kTileRows, stride);
            }
            const Share first(run, 0, g, groups);
            const Share second(run, run.streams - 1, g, groups);
            for (unsigned t = 0; t < run.count; ++t, x += call.x_step) {
                _tile_loadd(4, x, Activations::kBytes);
                _tile_loadd(6, run.panels[0][t].numbers, 64);
                _tile_dpbsud(0, 4, 6);
                first.fetch(t);
                if (run.streams > 1) {
                    _tile_loadd(7, run.panels[1][t].numbers, 64);
                    _tile_dpbsud(1, 4, 7);
                    second.fetch(t);
                }
            }
            _tile_stored(0, out, stride);
            if (run.streams > 1)
                _tile_stored(1, out + isa::kTileRows, stride);
        }
    }

    // Groups that have `columns` columns each.
    template <Accumulation kHow>
    static void equal_groups(const Run& run, const std::byte* x, unsigned column, unsigned groups,
                             unsigned columns) {
        if constexpr (kHow == Accumulation::kRow)
            rows(run, x, column, groups, columns);
        else if (columns > 12)
            blocks<kHow, 16>(run, x, column, groups, columns);
        else if (columns > 8)
            blocks<kHow, 12>(run, x, column, groups, columns);
        else if (columns > 4)
            blocks<kHow, 8>(run, x, column, groups, columns);
        else
            blocks<kHow, 4>(run, x, column, groups, columns);
    }

    template <Accumulation kHow>
    static void all_groups(const Run& run) {
        const IntegerCall& call = *run.call;
        const unsigned whole = call.columns / call.group;
        const unsigned rest = call.columns % call.group;
        equal_groups<kHow>(run, run.x, 0, whole, call.group);
        if (rest != 0) {
            Run last = run;
            std::fill_n(last.next, kStreams, nullptr);
            equal_groups<kHow>(last, run.x + whole * call.x_group, whole * call.group, 1, rest);
        }
    }

    // Groups about equally wide are the same shape.
    static unsigned group(isa::WeightFormat format, unsigned columns) {
        if (columns < least_columns(format))
            return kAvx512Kernels.group(format, columns);
        const unsigned groups = (columns + kColumns - 1) / kColumns;
        return (columns + groups - 1) / groups;
    }

    template <isa::WeightFormat kFormat>
    static void tiles(const IntegerCall& call) {
        if (call.columns < least_columns(kFormat))
            return kAvx512Kernels.integer[weight_index(kFormat)](call);
        AmxTiles tiles;
        for (unsigned s = 0; s < call.streams; s += kStreams)
            row_tiles<kFormat>(call, tiles, s, std::min(call.streams - s, kStreams));
    }

    template <isa::WeightFormat kFormat>
    static void row_tiles(const IntegerCall& call, AmxTiles& tiles, unsigned stream,
                          unsigned streams) {
        using Source = Avx512Tiles<kFormat>;
        constexpr std::uint32_t kTiles = kPanels / Source::kChunks;
        AmxPanel panels[kStreams][kPanels];
        for (std::uint32_t tile = 0; tile < call.count; tile += kTiles) {
            const std::uint32_t count = std::min(call.count - tile, kTiles);
            const bool last = tile + count == call.count;
            Run run{&call,
                    &tiles,
                    panels,
                    streams,
                    count * Source::kChunks,
                    call.x + std::size_t{tile} * Source::kChunks * call.x_step,
                    std::size_t{stream} * isa::kTileRows,
                    call.first && tile == 0,
                    last ? call.end : nullptr,
                    {},
                    (count * Source::kBytes + 63) / 64};
            for (unsigned s = 0; s < streams; ++s) {
                const std::byte* w = call.w[stream + s] + tile * Source::kBytes;
                for (std::uint32_t t = 0; t < count; ++t)
                    expand<kFormat>(w + t * Source::kBytes, &panels[s][t * Source::kChunks]);
                run.next[s] = last ? call.next[stream + s] : w + count * Source::kBytes;
            }
            // Loads of tiles are no reads to the compiler.
            __asm__ volatile("" : : "r"(panels) : "memory");
            all_groups<Source::kHow>(run);
        }
    }
};

}  // namespace skald::card::compute
