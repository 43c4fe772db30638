// SPDX-License-Identifier: MIT
// ATTENTION over one chunk of 256 positions for some query heads of one KV head, so that a key or
// value is converted once for several of them, and how chunks are merged. Kv says how keys and
// values are stored. The body serves every path.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "card/compute/kernels.hpp"
#include "card/compute/math.hpp"

namespace skald::card::compute {

// Keys and values in f16 or f32.
template <class Vector, class Stored>
struct FloatKv {
    using V = Vector;
    using Element = Stored;
    static constexpr bool kScaled = false;

    // 16 elements, or fewer.
    template <class... Count>
    [[gnu::always_inline]] static V load(const Element* from, Count... count) {
        if constexpr (std::is_same_v<Element, float>)
            return V::load(from, count...);
        else
            return V::load_half(from, count...);
    }

    // s[p] = q . k[p] for kT tiles of 16 positions (lane = position) and kQ queries.
    template <unsigned kQ, unsigned kT>
    [[gnu::always_inline]] static void dot(const AttentionChunk& chunk, const AttentionQuery* query,
                                           std::uint32_t tile,
                                           float (*scores)[isa::kAttentionChunk]) {
        V acc[kQ][kT];
        for (unsigned i = 0; i < kQ; ++i)
            for (unsigned t = 0; t < kT; ++t)
                acc[i][t] = V::set(0.0f);
        for (std::uint32_t d = 0; d < chunk.k_dim; ++d) {
            V k[kT];
            for (unsigned t = 0; t < kT; ++t)
                k[t] = load(reinterpret_cast<const Element*>(chunk.k[tile + t]) +
                            std::size_t{d} * isa::kKvTile);
            for (unsigned i = 0; i < kQ; ++i) {
                const V q = V::set(query[i].q[d]);
                for (unsigned t = 0; t < kT; ++t)
                    acc[i][t] = V::fma(q, k[t], acc[i][t]);
            }
        }
        for (unsigned i = 0; i < kQ; ++i)
            for (unsigned t = 0; t < kT; ++t)
                acc[i][t].store(scores[i] + (tile + t) * isa::kKvTile);
    }
    // 16 (or, unless kWhole, fewer) elements of a value.
    template <bool kWhole>
    [[gnu::always_inline]] static V value(const Element* v, std::uint32_t count) {
        return kWhole ? load(v) : load(v, count);
    }
};

// Keys and values in 8 bits, with a scale for each position.
template <class Vector, class Path>
struct ByteKv {
    using V = Vector;
    using Element = std::int8_t;
    static constexpr bool kScaled = true;

    template <unsigned kQ, unsigned kT>
    [[gnu::always_inline]] static void dot(const AttentionChunk& chunk, const AttentionQuery* query,
                                           std::uint32_t tile,
                                           float (*scores)[isa::kAttentionChunk]) {
        const std::int8_t* numbers[kQ];
        std::int32_t start[kQ];
        for (unsigned i = 0; i < kQ; ++i) {
            numbers[i] = query[i].numbers;
            start[i] = -128 * query[i].numbers_sum;
        }
        alignas(64) float isum[kQ][kT][16];
        Path::template dot_bytes<kQ, kT>(chunk.k + tile, numbers, start, chunk.k_dim / 4, isum);
        for (unsigned t = 0; t < kT; ++t) {
            const std::uint32_t p = (tile + t) * isa::kKvTile;
            const V k_scale = V::load(chunk.k_scale[p / 64] + p % 64);
            for (unsigned i = 0; i < kQ; ++i)
                (V::load(isum[i][t]) * (V::set(query[i].scale) * k_scale)).store(scores[i] + p);
        }
    }
    template <bool kWhole>
    [[gnu::always_inline]] static V value(const Element* v, std::uint32_t count) {
        return kWhole ? V::load_i8(v) : V::load_i8(v, count);
    }
};

template <class Kv>
struct Attention {
    using V = typename Kv::V;
    using Element = typename Kv::Element;
    static constexpr std::uint32_t kTile = isa::kKvTile;
    static constexpr std::uint32_t kChunk = isa::kAttentionChunk;
    static constexpr std::uint32_t kTiles = isa::kKvPositions / kTile;  // of a block

    // Long contexts lie in memory: its blocks are too short and too far apart for what processors
    // guess. So keys are asked for while the values before them are summed, values during scores,
    // a tile of 16 positions at a time.
    [[gnu::always_inline]] static void ask(const std::byte* from, std::size_t bytes) {
        for (std::size_t i = 0; i < bytes; i += 64)
            __builtin_prefetch(from + i);
    }
    static constexpr std::size_t kTileBytes =
        kTile * sizeof(Element);  // for each element of a head
    [[gnu::always_inline]] static void ask_values(const AttentionChunk& chunk, std::uint32_t tile) {
        const std::size_t bytes = kTileBytes * chunk.v_dim;
        ask(chunk.v[tile / kTiles] + tile % kTiles * bytes, bytes);
    }
    [[gnu::always_inline]] static void ask_next_keys(const AttentionChunk& chunk,
                                                     std::uint32_t tile) {
        const std::byte* head = chunk.next[tile / kTiles];
        if (head == nullptr)
            return;
        const std::size_t bytes = kTileBytes * chunk.k_dim;
        ask(head + tile % kTiles * bytes, bytes);
        if (Kv::kScaled && tile % kTiles == 0)
            ask(head + kTiles * kTileBytes * (chunk.k_dim + chunk.v_dim),
                2 * isa::kKvPositions * sizeof(float));
    }

    // Of `most` vectors of sums for each of up to four queries, so many for `queries`: about as
    // many in all, for few would wait for one another.
    static constexpr unsigned at_once(unsigned queries, unsigned most) {
        if (queries > 4)
            return most / 2;
        return most < 4 && queries < 4 ? 4 / queries : most;
    }

    template <unsigned kQ>
    static void scores(const AttentionChunk& chunk, const AttentionQuery* query, std::uint32_t tile,
                       std::uint32_t tiles, float (*out)[kChunk]) {
        constexpr unsigned kTogether = at_once(kQ, V::kTiles);
        for (; tile + kTogether <= tiles; tile += kTogether) {
            for (unsigned t = 0; chunk.far && t < kTogether; ++t)
                ask_values(chunk, tile + t);
            Kv::template dot<kQ, kTogether>(chunk, query, tile, out);
        }
        for (; tile < tiles; ++tile) {
            if (chunk.far)
                ask_values(chunk, tile);
            Kv::template dot<kQ, 1>(chunk, query, tile, out);
        }
    }

    // Lanes [hidden, visible) of the vector at p from x, the others from y.
    [[gnu::always_inline]] static V within(std::uint32_t p, std::uint32_t hidden,
                                           std::uint32_t visible, const V& x, const V& y) {
        const V low = p < hidden ? V::select_first(hidden - p, y, x) : x;
        return visible - p < 16 ? V::select_first(visible - p, low, y) : low;
    }

    // Scores to exponentials in place, with their maxima and sums. Bit i: a score of query i is not
    // finite. If all are, or the result does not count, the simplest maximum will do: the sign of a
    // zero does not show in an exponential.
    static unsigned softmax(float (*s)[kChunk], const AttentionChunk& chunk, AttentionQuery* query,
                            unsigned n) {
        V each[16];
        unsigned bad = 0;
        float scale = chunk.scale;
        if (chunk.soft_cap != 0.0f) {
            for (unsigned i = 0; i < n; ++i)
                cap(s[i], chunk, query[i]);
            scale = 1.0f;
        }
        for (unsigned i = 0; i < n; ++i)
            bad |= scaled(s[i], scale, query[i], each[i]) ? 0u : 1u << i;
        if (bad != 0)
            return bad;
        alignas(64) float lanes[16];
        across(each, n, lanes, V::largest, V::largest_of_each);
        for (unsigned i = 0; i < n; ++i) {
            query[i].part.max = lanes[i];
            each[i] = exponentials(s[i], query[i]);
        }
        across(each, n, lanes, sum_of, V::tree_sum_of_each);
        for (unsigned i = 0; i < n; ++i)
            query[i].part.sum = lanes[i];
        return 0;
    }
    // Scales and caps. What is not visible is garbage. On its own, or the constants of tanh would
    // take registers from those who have no cap.
    [[gnu::noinline]] static void cap(float* s, const AttentionChunk& chunk,
                                      const AttentionQuery& query) {
        const V limit = V::set(chunk.soft_cap);
        for (std::uint32_t p = query.hidden / 16 * 16; p < query.visible; p += 16) {
            const V v = V::load(s + p) * V::set(chunk.scale);
            (limit * tanh(v / limit)).store(s + p);
        }
    }
    // Scales and masks; false: a score is not finite.
    [[gnu::always_inline]] static bool scaled(float* s, float scale, const AttentionQuery& query,
                                              V& top) {
        const std::uint32_t hidden = query.hidden;
        const std::uint32_t visible = query.visible;
        const V minus_inf = V::set(-std::numeric_limits<float>::infinity());
        const V zero = V::set(0.0f);
        top = minus_inf;
        V check = zero;  // NaN once a score is not finite
        for (std::uint32_t p = hidden / 16 * 16; p < visible; p += 16) {
            V v = V::load(s + p) * V::set(scale);
            if (p < hidden || visible - p < 16) {
                check = V::fma(within(p, hidden, visible, v, zero), zero, check);
                v = within(p, hidden, visible, v, minus_inf);
            } else {
                check = V::fma(v, zero, check);
            }
            v.store(s + p);
            top = V::max(top, v);
        }
        return V::all_finite(check);
    }
    [[gnu::always_inline]] static V exponentials(float* s, const AttentionQuery& query) {
        V total = V::set(0.0f);
        for (std::uint32_t p = query.hidden / 16 * 16; p < query.visible; p += 16) {
            const V e = exp_negative(V::load(s + p) - V::set(query.part.max));  // +0 where masked
            e.store(s + p);
            total = total + e;
        }
        return total;
    }
    static float sum_of(const V& v) {
        alignas(64) float lanes[16];
        v.store(lanes);
        return tree_sum(lanes);
    }
    // Of each of n vectors the largest lane, or the sum; a few one by one, more all at once.
    template <class One, class Each>
    [[gnu::always_inline]] static void across(V (&v)[16], unsigned n, float* out, One one,
                                              Each all) {
        if (n <= 2) {
            for (unsigned i = 0; i < n; ++i)
                out[i] = one(v[i]);
            return;
        }
        for (unsigned i = n; i < 16; ++i)
            v[i] = V::set(0.0f);
        all(v).store(out);
    }

    // The weights of scaled values: e[p] * v_scale[p]. What is not visible is garbage.
    static void scale_weights(const AttentionChunk& chunk, const AttentionQuery& query, float* e) {
        for (std::uint32_t p = query.hidden / 16 * 16; p < query.visible; p += 16)
            (V::load(e + p) * V::load(chunk.v_scale[p / 64] + p % 64)).store(e + p);
    }

    // Elements from d on of the value at p; the values after it in its block follow.
    [[gnu::always_inline]] static const Element* value_at(const AttentionChunk& chunk,
                                                          std::uint32_t p, std::uint32_t d) {
        return reinterpret_cast<const Element*>(chunk.v[p / isa::kKvPositions]) +
               std::size_t{p % isa::kKvPositions} * chunk.v_dim + d;
    }

    // o[d] = sum of e[p] * v[p][d], p ascending, for kD vectors of d from `d` on; one that is not
    // whole has `count` elements. Queries see different positions: the common ones share the loads.
    template <unsigned kQ, unsigned kD, bool kWhole>
    [[gnu::always_inline]] static void values(const AttentionChunk& chunk,
                                              const AttentionQuery* query, const float (*e)[kChunk],
                                              std::uint32_t d, std::uint32_t count) {
        V acc[kQ][kD];
        std::uint32_t low = query[0].hidden;
        std::uint32_t high = query[0].visible;
        for (unsigned i = 1; i < kQ; ++i) {
            low = query[i].hidden > low ? query[i].hidden : low;
            high = query[i].visible < high ? query[i].visible : high;
        }
        low = low < high ? low : high;
        const auto alone = [&](unsigned i, std::uint32_t p, std::uint32_t end) {
            for (; p < end; ++p) {
                const Element* at = value_at(chunk, p, d);
                for (unsigned j = 0; j < kD; ++j)
                    acc[i][j] = V::fma(V::set(e[i][p]),
                                       Kv::template value<kWhole>(at + j * 16, count), acc[i][j]);
            }
        };
        for (unsigned i = 0; i < kQ; ++i) {
            for (unsigned j = 0; j < kD; ++j)
                acc[i][j] = V::set(0.0f);
            alone(i, query[i].hidden, low);
        }
        for (std::uint32_t p = low; p < high;) {
            if (p % kTile == 0 && d == 0 && chunk.far)
                ask_next_keys(chunk, p / kTile);
            const Element* at = value_at(chunk, p, d);
            const std::uint32_t next = (p / kTile + 1) * kTile;
#pragma GCC unroll 2
            for (const std::uint32_t end = next < high ? next : high; p < end;
                 ++p, at += chunk.v_dim) {
                V v[kD];
                for (unsigned j = 0; j < kD; ++j)
                    v[j] = Kv::template value<kWhole>(at + j * 16, count);
                for (unsigned i = 0; i < kQ; ++i) {
                    const V weight = V::set(e[i][p]);
                    for (unsigned j = 0; j < kD; ++j)
                        acc[i][j] = V::fma(weight, v[j], acc[i][j]);
                }
            }
        }
        for (unsigned i = 0; i < kQ; ++i) {
            alone(i, high > query[i].hidden ? high : query[i].hidden, query[i].visible);
            for (unsigned j = 0; j < kD; ++j)
                acc[i][j].store(query[i].part.o + d + j * 16);
        }
    }

    template <unsigned kQ>
    static void weighted_sum(const AttentionChunk& chunk, const AttentionQuery* query,
                             const float (*e)[kChunk]) {
        std::uint32_t d = 0;
        constexpr unsigned kDepth = at_once(kQ, V::kDepth);
        for (; d + kDepth * 16 <= chunk.v_dim; d += kDepth * 16)
            values<kQ, kDepth, true>(chunk, query, e, d, 16);
        for (; d + 16 <= chunk.v_dim; d += 16)
            values<kQ, 1, true>(chunk, query, e, d, 16);
        if (d < chunk.v_dim)
            values<kQ, 1, false>(chunk, query, e, d, chunk.v_dim - d);
    }

    // As many queries together as there are registers for, then fewer: f(first, their number).
    template <class F>
    [[gnu::always_inline]] static void each_few(unsigned n, F f) {
        unsigned first = 0;
        if constexpr (V::kTiles >= 4)  // a key is converted half as often
            for (; n - first >= 8; first += 8)
                f(first, std::integral_constant<unsigned, 8>());
        for (; n - first >= 4; first += 4)
            f(first, std::integral_constant<unsigned, 4>());
        if (n - first == 3)
            f(first, std::integral_constant<unsigned, 3>());
        if (n - first == 2)
            f(first, std::integral_constant<unsigned, 2>());
        if (n - first == 1)
            f(first, std::integral_constant<unsigned, 1>());
    }

    // All scores, then all sums of values: what one set of queries has read is near for the next.
    static unsigned attend(const AttentionChunk& chunk, AttentionQuery* query, unsigned n) {
        alignas(64) float e[kMaxQueries][kChunk];
        each_few(n, [&](unsigned first, auto count) {
            constexpr unsigned kQ = decltype(count)::value;
            std::uint32_t hidden = kChunk;
            std::uint32_t visible = 0;
            for (unsigned i = first; i < first + kQ; ++i) {
                hidden = query[i].hidden < hidden ? query[i].hidden : hidden;
                visible = query[i].visible > visible ? query[i].visible : visible;
            }
            scores<kQ>(chunk, query + first, hidden / kTile, (visible + kTile - 1) / kTile,
                       e + first);
        });
        if (const unsigned bad = softmax(e, chunk, query, n))
            return bad;
        if constexpr (Kv::kScaled)
            for (unsigned i = 0; i < n; ++i)
                scale_weights(chunk, query[i], e[i]);
        each_few(n, [&](unsigned first, auto count) {
            weighted_sum<decltype(count)::value>(chunk, query + first, e + first);
        });
        return 0;
    }
};

// The next chunk's part into that of all before it.
template <class V>
void merge_part(const AttentionPart& part, AttentionPart& all, std::uint32_t v_dim) {
    const float both = max_number(all.max, part.max);
    alignas(64) float e[16] = {all.max - both, part.max - both};
    exp(V::load(e)).store(e);
    const V a = V::set(e[0]);
    const V b = V::set(e[1]);
    all.max = both;
    all.sum = __builtin_fmaf(all.sum, e[0], part.sum * e[1]);
    for (std::uint32_t d = 0; d < v_dim; d += 16)
        V::fma(V::load(all.o + d), a, V::load(part.o + d) * b).store(all.o + d);
}

}  // namespace skald::card::compute
