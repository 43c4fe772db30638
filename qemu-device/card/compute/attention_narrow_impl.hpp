// SPDX-License-Identifier: MIT
// ATTENTION over one chunk where heads are narrow, eight elements of f16: half of a vector, and
// hardly worth a query by itself. Here a lane is a query, of nine to sixteen that share a KV head,
// and every step serves all of them. Each lane does what uapi/doc/isa.md says in its order. The
// body serves every path.
#pragma once

#include <cstdint>
#include <limits>

#include "card/compute/kernels.hpp"
#include "card/compute/math.hpp"

namespace skald::card::compute {

template <class V>
struct NarrowAttention {
    static constexpr std::uint32_t kChunk = isa::kAttentionChunk;
    static constexpr std::uint32_t kTile = isa::kKvTile;
    static constexpr unsigned kLanes = 16;
    static_assert(kNarrowQueries == kLanes);
    static constexpr unsigned kDim = kNarrowHeadDim;
    // Sums that registers have room for.
    static constexpr unsigned kSums = V::kTiles >= 4 ? 8 : 4;

    // Sixteen queries, transposed; lanes without one see nothing.
    struct Queries {
        alignas(64) float q[kDim][kLanes];
        alignas(64) float hidden[kLanes];
        alignas(64) float visible[kLanes];
        std::uint32_t first = kChunk, end = 0;  // what any of them sees: first .. end - 1
        std::uint32_t low = 0, high = kChunk;   // what all of them see

        Queries(const AttentionQuery* query, unsigned n) {
            for (unsigned i = 0; i < kLanes; ++i) {
                for (unsigned d = 0; d < kDim; ++d)
                    q[d][i] = i < n ? query[i].q[d] : 0.0f;
                const std::uint32_t from = i < n ? query[i].hidden : 0;
                const std::uint32_t to = i < n ? query[i].visible : 0;
                hidden[i] = static_cast<float>(from);
                visible[i] = static_cast<float>(to);
                if (i >= n)
                    continue;
                first = from < first ? from : first;
                end = to > end ? to : end;
                low = from > low ? from : low;
                high = to < high ? to : high;
            }
        }
        // All of the tile is seen by all of the n queries.
        [[nodiscard]] bool whole(std::uint32_t tile) const {
            return tile * kTile >= low && tile * kTile + kTile <= high;
        }
        // x in the lanes that see position p, y in the others.
        [[gnu::always_inline]] V seen(std::uint32_t p, const V& x, const V& y) const {
            const V at = V::set(static_cast<float>(p));
            return V::select_less(at, V::load(hidden), y,
                                  V::select_less(at, V::load(visible), x, y));
        }
    };

    // Scores of a tile, scaled; its maximum into top, and NaN into check where one is not finite.
    template <bool kWhole>
    [[gnu::always_inline]] static void scores(const Queries& queries, const AttentionChunk& chunk,
                                              std::uint32_t tile, float (*s)[kLanes], V& top,
                                              V& check) {
        constexpr unsigned kTogether = kSums;
        alignas(64) float k[kDim][kTile];
        for (unsigned d = 0; d < kDim; ++d)
            V::load_half(reinterpret_cast<const std::uint16_t*>(chunk.k[tile]) + d * kTile)
                .store(k[d]);
        for (unsigned j = 0; j < kTile; j += kTogether) {
            V acc[kTogether];
            for (unsigned i = 0; i < kTogether; ++i)
                acc[i] = V::set(0.0f);
            for (unsigned d = 0; d < kDim; ++d) {
                const V q = V::load(queries.q[d]);
                for (unsigned i = 0; i < kTogether; ++i)
                    acc[i] = V::fma(q, V::set(k[d][j + i]), acc[i]);
            }
            for (unsigned i = 0; i < kTogether; ++i) {
                const std::uint32_t p = tile * kTile + j + i;
                V v = acc[i] * V::set(chunk.scale);
                if constexpr (kWhole) {
                    check = V::fma(v, V::set(0.0f), check);
                } else {
                    check = V::fma(queries.seen(p, v, V::set(0.0f)), V::set(0.0f), check);
                    v = queries.seen(p, v, V::set(-std::numeric_limits<float>::infinity()));
                }
                v.store(s[p]);
                top = V::max(top, v);
            }
        }
    }

    // Scores to exponentials; returns their sum16.
    static V exponentials(float (*s)[kLanes], std::uint32_t tile, std::uint32_t tiles,
                          const V& max) {
        constexpr unsigned kTogether = 2;
        V sum[kTile];
        for (unsigned j = 0; j < kTile; j += kTogether) {
            V total[kTogether];
            for (V& part : total)
                part = V::set(0.0f);
            for (std::uint32_t t = tile; t < tiles; ++t) {
                for (unsigned i = 0; i < kTogether; ++i) {
                    float* at = s[t * kTile + j + i];
                    const V e = exp_negative(V::load(at) - max);  // +0 where masked
                    e.store(at);
                    total[i] = total[i] + e;
                }
            }
            for (unsigned i = 0; i < kTogether; ++i)
                sum[j + i] = total[i];
        }
        for (unsigned half = kTile / 2; half != 0; half /= 2)
            for (unsigned j = 0; j < half; ++j)
                sum[j] = sum[j] + sum[j + half];
        return sum[0];
    }

    template <bool kWhole>
    [[gnu::always_inline]] static void values(const Queries& queries, const AttentionChunk& chunk,
                                              std::uint32_t tile, const float (*e)[kLanes],
                                              V (&o)[kDim]) {
        constexpr std::uint32_t kTiles = isa::kKvPositions / kTile;  // of a block
        alignas(64) float v[kTile * kDim];
        const auto* from = reinterpret_cast<const std::uint16_t*>(chunk.v[tile / kTiles]) +
                           std::size_t{tile % kTiles} * kTile * kDim;
        for (unsigned i = 0; i < kTile * kDim; i += 16)
            V::load_half(from + i).store(v + i);
        for (unsigned first = 0; first < kDim; first += kSums) {
            V acc[kSums];  // in registers, which o is not
#pragma GCC unroll 8
            for (unsigned d = 0; d < kSums; ++d)
                acc[d] = o[first + d];
            for (unsigned j = 0; j < kTile; ++j) {
                const std::uint32_t p = tile * kTile + j;
                const V weight = V::load(e[p]);
#pragma GCC unroll 8
                for (unsigned d = 0; d < kSums; ++d) {
                    const V next = V::fma(weight, V::set(v[j * kDim + first + d]), acc[d]);
                    acc[d] = kWhole ? next : queries.seen(p, next, acc[d]);
                }
            }
#pragma GCC unroll 8
            for (unsigned d = 0; d < kSums; ++d)
                o[first + d] = acc[d];
        }
    }

    static unsigned attend(const AttentionChunk& chunk, AttentionQuery* query, unsigned n) {
        const Queries queries(query, n);
        alignas(64) float s[kChunk][kLanes];
        const std::uint32_t tile = queries.first / kTile;
        const std::uint32_t tiles = (queries.end + kTile - 1) / kTile;
        V top = V::set(-std::numeric_limits<float>::infinity());
        V check = V::set(0.0f);
        for (std::uint32_t t = tile; t < tiles; ++t) {
            if (queries.whole(t))
                scores<true>(queries, chunk, t, s, top, check);
            else
                scores<false>(queries, chunk, t, s, top, check);
        }
        if (!V::all_finite(check))
            return not_finite(check);
        const V sum = exponentials(s, tile, tiles, top);
        V o[kDim];
        for (unsigned d = 0; d < kDim; ++d)
            o[d] = V::set(0.0f);
        for (std::uint32_t t = tile; t < tiles; ++t) {
            if (queries.whole(t))
                values<true>(queries, chunk, t, s, o);
            else
                values<false>(queries, chunk, t, s, o);
        }
        put(query, n, top, sum, o);
        return 0;
    }

    static unsigned not_finite(const V& check) {
        alignas(64) float lanes[kLanes];
        check.store(lanes);
        unsigned bad = 0;
        for (unsigned i = 0; i < kLanes; ++i)
            bad |= lanes[i] != lanes[i] ? 1u << i : 0u;
        return bad;
    }

    static void put(AttentionQuery* query, unsigned n, const V& max, const V& sum,
                    const V (&o)[kDim]) {
        alignas(64) float lanes[kDim + 2][kLanes];
        max.store(lanes[kDim]);
        sum.store(lanes[kDim + 1]);
        for (unsigned d = 0; d < kDim; ++d)
            o[d].store(lanes[d]);
        for (unsigned i = 0; i < n; ++i) {
            AttentionPart& part = query[i].part;
            alignas(64) float head[16] = {};
            for (unsigned d = 0; d < kDim; ++d)
                head[d] = lanes[d][i];
            V::load(head).store(part.o);
            part.max = lanes[kDim][i];
            part.sum = lanes[kDim + 1][i];
        }
    }
};

}  // namespace skald::card::compute
