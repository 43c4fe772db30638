// SPDX-License-Identifier: MIT
// ATTENTION over one chunk of 256 positions for up to eight query heads of one KV head, so that a
// key or value is converted from f16 once for all of them. The body serves every path.
#pragma once

#include <cstdint>
#include <limits>

#include "card/compute/kernels.hpp"
#include "card/compute/math.hpp"

namespace skald::card::compute {

template <class V>
struct Attention {
    static constexpr std::uint32_t kTile = isa::kKvTile;
    static constexpr std::uint32_t kChunk = isa::kAttentionChunk;
    using Scores = float[kMaxQueries][kChunk];

    // s[p] = q . k[p] for kTiles tiles of 16 positions (lane = position) and kQ queries.
    template <unsigned kQ, unsigned kT>
    [[gnu::always_inline]] static void dot(const AttentionChunk& chunk, const AttentionQuery* query,
                                           std::uint32_t tile, float (*scores)[kChunk]) {
        V acc[kQ][kT];
        for (unsigned i = 0; i < kQ; ++i)
            for (unsigned t = 0; t < kT; ++t)
                acc[i][t] = V::set(0.0f);
        for (std::uint32_t d = 0; d < chunk.head_dim; ++d) {
            V k[kT];
            for (unsigned t = 0; t < kT; ++t)
                k[t] = V::load_half(chunk.k[tile + t] + d * kTile);
            for (unsigned i = 0; i < kQ; ++i) {
                const V q = V::set(query[i].q[d]);
                for (unsigned t = 0; t < kT; ++t)
                    acc[i][t] = V::fma(q, k[t], acc[i][t]);
            }
        }
        for (unsigned i = 0; i < kQ; ++i)
            for (unsigned t = 0; t < kT; ++t)
                acc[i][t].store(scores[i] + (tile + t) * kTile);
    }

    template <unsigned kQ>
    static void scores(const AttentionChunk& chunk, const AttentionQuery* query,
                       std::uint32_t tiles, float (*out)[kChunk]) {
        std::uint32_t tile = 0;
        for (; tile + V::kTiles <= tiles; tile += V::kTiles)
            dot<kQ, V::kTiles>(chunk, query, tile, out);
        for (; tile < tiles; ++tile)
            dot<kQ, 1>(chunk, query, tile, out);
    }

    // Scores to exponentials in place, with their maximum and sum. False: a score is not finite.
    static bool softmax(float* s, float scale, std::uint32_t visible, float& max, float& sum) {
        const V minus_inf = V::set(-std::numeric_limits<float>::infinity());
        alignas(64) float lanes[16];
        V top = minus_inf;
        bool finite = true;
        for (std::uint32_t p = 0; p < visible; p += 16) {
            const std::uint32_t count = visible - p < 16 ? visible - p : 16;
            const V v = V::load(s + p) * V::set(scale);
            finite &= V::all_finite(V::select_first(count, v, V::set(0.0f)));
            const V masked = V::select_first(count, v, minus_inf);
            masked.store(s + p);
            top = V::max_number(top, masked);
        }
        if (!finite)
            return false;
        top.store(lanes);
        max = tree_max(lanes);
        V total = V::set(0.0f);
        for (std::uint32_t p = 0; p < visible; p += 16) {
            const std::uint32_t count = visible - p < 16 ? visible - p : 16;
            const V e = exp(V::load(s + p) - V::set(max));
            const V masked = V::select_first(count, e, V::set(0.0f));
            masked.store(s + p);
            total = total + masked;
        }
        total.store(lanes);
        sum = tree_sum(lanes);
        return true;
    }

    // o[d] = sum of e[p] * v[p][d], p ascending, for kD vectors of d from `d` on; the last may be
    // short. Queries see different numbers of positions: the common ones share the loads.
    template <unsigned kQ, unsigned kD>
    [[gnu::always_inline]] static void values(const AttentionChunk& chunk,
                                              const AttentionQuery* query, const float (*e)[kChunk],
                                              std::uint32_t d, std::uint32_t count,
                                              float (*out)[isa::kMaxHeadDim]) {
        V acc[kQ][kD];
        for (unsigned i = 0; i < kQ; ++i)
            for (unsigned j = 0; j < kD; ++j)
                acc[i][j] = V::set(0.0f);
        std::uint32_t common = query[0].visible;
        for (unsigned i = 1; i < kQ; ++i)
            common = query[i].visible < common ? query[i].visible : common;
        std::uint32_t p = 0;
        for (; p < common; ++p) {
            const std::uint16_t* row = chunk.v[p / 64] + (p % 64) * chunk.head_dim + d;
            V v[kD];
            for (unsigned j = 0; j < kD; ++j)
                v[j] =
                    kD > 1 || count == 16 ? V::load_half(row + j * 16) : V::load_half(row, count);
            for (unsigned i = 0; i < kQ; ++i) {
                const V weight = V::set(e[i][p]);
                for (unsigned j = 0; j < kD; ++j)
                    acc[i][j] = V::fma(weight, v[j], acc[i][j]);
            }
        }
        for (unsigned i = 0; i < kQ; ++i) {
            for (std::uint32_t r = p; r < query[i].visible; ++r) {
                const std::uint16_t* row = chunk.v[r / 64] + (r % 64) * chunk.head_dim + d;
                const V weight = V::set(e[i][r]);
                for (unsigned j = 0; j < kD; ++j) {
                    const V v = kD > 1 || count == 16 ? V::load_half(row + j * 16)
                                                      : V::load_half(row, count);
                    acc[i][j] = V::fma(weight, v, acc[i][j]);
                }
            }
            for (unsigned j = 0; j < kD; ++j)
                acc[i][j].store(out[i] + d + j * 16);
        }
    }

    template <unsigned kQ>
    static void weighted_sum(const AttentionChunk& chunk, const AttentionQuery* query,
                             const float (*e)[kChunk], float (*out)[isa::kMaxHeadDim]) {
        std::uint32_t d = 0;
        for (; d + V::kDepth * 16 <= chunk.head_dim; d += V::kDepth * 16)
            values<kQ, V::kDepth>(chunk, query, e, d, 16, out);
        for (; d < chunk.head_dim; d += 16) {
            const std::uint32_t left = chunk.head_dim - d;
            values<kQ, 1>(chunk, query, e, d, left < 16 ? left : 16, out);
        }
    }

    static void merge(const AttentionChunk& chunk, AttentionQuery& query, float max, float sum,
                      const float* o) {
        float a = 0.0f;
        float b = 1.0f;
        if (chunk.first) {
            query.max = max;
            query.sum = sum;
        } else {
            const float both = max_number(query.max, max);
            alignas(64) float e[16] = {query.max - both, max - both};
            exp(V::load(e)).store(e);
            a = e[0];
            b = e[1];
            query.max = both;
            query.sum = __builtin_fmaf(query.sum, a, sum * b);
        }
        for (std::uint32_t d = 0; d < chunk.head_dim; d += 16) {
            const std::uint32_t n = chunk.head_dim - d < 16 ? chunk.head_dim - d : 16;
            V v = V::load(o + d);
            if (!chunk.first)
                v = V::fma(V::load(query.o + d, n), V::set(a), v * V::set(b));
            v.store(query.o + d, n);
        }
    }

    template <unsigned kQ>
    static bool attend(const AttentionChunk& chunk, AttentionQuery* query) {
        alignas(64) float e[kQ][kChunk];
        alignas(64) float o[kQ][isa::kMaxHeadDim];
        float max[kQ];
        float sum[kQ];
        std::uint32_t visible = 0;
        for (unsigned i = 0; i < kQ; ++i)
            visible = query[i].visible > visible ? query[i].visible : visible;
        scores<kQ>(chunk, query, (visible + kTile - 1) / kTile, e);
        bool finite = true;
        for (unsigned i = 0; i < kQ; ++i)
            finite &= softmax(e[i], chunk.scale, query[i].visible, max[i], sum[i]);
        if (!finite)
            return false;
        weighted_sum<kQ>(chunk, query, e, o);
        for (unsigned i = 0; i < kQ; ++i)
            merge(chunk, query[i], max[i], sum[i], o[i]);
        return true;
    }

    static bool attend_all(const AttentionChunk& chunk, AttentionQuery* query, unsigned n) {
        bool finite = true;
        while (n >= 4) {
            finite &= attend<4>(chunk, query);
            query += 4;
            n -= 4;
        }
        if (n == 3)
            finite &= attend<3>(chunk, query);
        if (n == 2)
            finite &= attend<2>(chunk, query);
        if (n == 1)
            finite &= attend<1>(chunk, query);
        return finite;
    }
};

}  // namespace skald::card::compute
