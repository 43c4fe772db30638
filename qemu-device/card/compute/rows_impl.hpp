// SPDX-License-Identifier: MIT
// Kernels over pieces of rows: quantiser, the end of a product, rotary, selection. Bodies for every
// path; V is one of the vector types.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

#include "card/compute/kernels.hpp"
#include "card/compute/math.hpp"
#include "card/compute/pieces.hpp"
#include "skald/isa.hpp"

namespace skald::card::compute {

template <class V>
struct Rows : Pieces<V> {
    using Pieces<V>::get;
    using Pieces<V>::put;

    // Sixteen blocks at a time: what goes across the lanes of one block's vectors is done for all
    // of them at once, and so are the divisions.
    static bool quant(const float* x, std::uint32_t n, std::int8_t* q, float* d, std::int32_t* s) {
        constexpr std::uint32_t kSet = 16 * isa::kQuantBlock;
        bool finite = true;
        std::uint32_t i = 0;
        for (; i + kSet <= n; i += kSet, x += kSet, q += kSet, d += 16, s += 16)
            finite &= quant_blocks<true>(x, kSet, q, d, s);
        return (i == n || quant_blocks<false>(x, n - i, q, d, s)) && finite;
    }
    template <bool kWhole>  // n = 16 blocks; else n is less
    [[gnu::always_inline]] static bool quant_blocks(const float* x, std::uint32_t n, std::int8_t* q,
                                                    float* d, std::int32_t* s) {
        const std::uint32_t blocks = kWhole ? 16 : (n + isa::kQuantBlock - 1) / isa::kQuantBlock;
        const auto block = [&](std::uint32_t b, V& low, V& high) {
            const std::uint32_t left = kWhole ? isa::kQuantBlock : n - b * isa::kQuantBlock;
            const float* from = x + b * isa::kQuantBlock;
            low = get(from, left < 16 ? left : 16);
            high = left > 16 ? get(from + 16, left < 32 ? left - 16 : 16) : V::set(0.0f);
        };
        const V zero = V::set(0.0f);
        V low;
        V high;
        V each[16];
        if (!kWhole)
            for (V& v : each)
                v = zero;
        for (std::uint32_t b = 0; b < blocks; ++b) {
            block(b, low, high);
            __builtin_prefetch(x + b * isa::kQuantBlock + kAhead);
            __builtin_prefetch(x + b * isa::kQuantBlock + kAhead + 16);
            each[b] = V::max_magnitude(V::abs(low), V::abs(high));
        }
        const V most = V::largest_magnitude_of_each(each);
        const V infinity = V::set(std::numeric_limits<float>::infinity());
        const V id = V::set(127.0f) / most;  // infinite if `most` is 0 or all but 0
        alignas(64) float inverse[16];
        V::select_less(id, infinity, id, zero).store(inverse);
        put(most / V::set(127.0f), d, blocks);
        for (std::uint32_t b = 0; b < blocks; ++b) {
            block(b, low, high);
            const V by = V::set(inverse[b]);
            std::int8_t* to = q + b * isa::kQuantBlock;
            low = V::rounded(within_i8(low * by));
            high = V::rounded(within_i8(high * by));
            V::store_i8(low, to);
            V::store_i8(high, to + 16);
            each[b] = low + high;  // integers: exact in any order
        }
        V::tree_sum_of_each(each).store_integers(s, blocks);
        return V::all_finite(most);
    }
    [[gnu::always_inline]] static V within_i8(const V& v) {
        return V::min(V::max(v, V::set(-127.0f)), V::set(127.0f));
    }

    static void dequant(const std::int8_t* q, const float* d, float* y, std::uint32_t n) {
        SKALD_EACH_VECTOR(i, count, n) {
            const V value = V::load_i8(q + i, count) * V::set(d[i / isa::kQuantBlock]);
            put(V::canonical(value), y + i, count);
        }
    }

    static bool abs_max(const float* x, std::uint32_t n, float& max) {
        bool finite = true;
        V most = V::set(0.0f);
        SKALD_EACH_VECTOR(i, count, n) {
            const V v = get(x + i, count);
            finite &= V::all_finite(v);
            most = V::max(most, V::abs(v));
        }
        const float largest = V::largest(most);
        max = largest > max ? largest : max;
        return finite;
    }

    static std::int32_t quant_by(const float* x, float id, std::uint32_t n, std::int8_t* q) {
        std::uint32_t i = 0;
        SKALD_EACH_VECTOR(at, count, n) {
            V::store_i8(within_i8(get(x + at, count) * V::set(id)), q + at);
            i = at + 16;
        }
        if (i % isa::kQuantBlock != 0)
            V::store_i8(V::set(0.0f), q + i);
        std::int32_t sum = 0;
        for (std::uint32_t j = 0; j < n; j += isa::kQuantBlock)
            sum += V::sum32(q + j);
        return sum;
    }

    static void dequant_by(const std::int8_t* q, float d, float* y, std::uint32_t n) {
        SKALD_EACH_VECTOR(i, count, n) {
            put(V::canonical(V::load_i8(q + i, count) * V::set(d)), y + i, count);
        }
    }

    static void sums(const std::int8_t* q, std::uint32_t n, std::int32_t* s) {
        for (std::uint32_t b = 0; b < n / isa::kQuantBlock; ++b)
            s[b] = V::sum32(q + b * isa::kQuantBlock);
    }

    static void finish_row(float* acc, std::size_t stride, const float* scale,
                           const std::int32_t* sum, const float* d, std::uint32_t columns) {
        const V scales = V::load(scale);
        for (std::uint32_t c = 0; c < columns; ++c, acc += stride) {
            alignas(64) std::int32_t isum[16];
            alignas(64) float product[16];
            __builtin_memcpy(isum, acc, sizeof(isum));
            for (unsigned i = 0; i < 16; ++i)
                product[i] = static_cast<float>(isum[i] - sum[c]);
            (V::load(product) * (scales * V::set(d[c]))).store(acc);
        }
    }

    static void finish(const MatmulEnd& end) {
        for (std::uint32_t c = 0; c < end.columns; ++c) {
            const float* acc = end.acc + c * end.acc_stride;
            float* y = end.y + c * end.y_stride;
            SKALD_EACH_VECTOR(i, count, end.outputs) {
                V v = V::load(acc + i);
                if (end.bias != nullptr)
                    v = v + get(end.bias + i, count);
                if (end.accumulate)
                    v = get(y + i, count) + v;
                put(V::canonical(v), y + i, count);
            }
        }
    }

    // Heads of eight elements, two to a vector: short stores would make the next loads wait. The
    // product with a negated sine is the negated product.
    static void rope_eight(float* x, std::uint32_t heads, const float* cosines,
                           const float* sines) {
        alignas(64) float c[16];
        alignas(64) float s[16];
        for (unsigned i = 0; i < 16; ++i) {
            c[i] = cosines[i % 4];
            s[i] = i % 8 < 4 ? -sines[i % 4] : sines[i % 4];
        }
        SKALD_EACH_VECTOR(i, count, heads * 8) {
            const V v = get(x + i, count);
            put(V::canonical(V::fma(v, V::load(c), V::swap_fours(v) * V::load(s))), x + i, count);
        }
    }

    static void rope(float* x, std::uint32_t heads, std::uint32_t head_dim, const float* cosines,
                     const float* sines, std::uint32_t half) {
        if (head_dim == 8 && half == 4)
            return rope_eight(x, heads, cosines, sines);
        SKALD_EACH_VECTOR(i, count, half) {
            const V c = get(cosines + i, count);
            const V s = get(sines + i, count);
            for (std::uint32_t h = 0; h < heads; ++h) {
                float* first = x + std::size_t{h} * head_dim + i;
                const V a = get(first, count);
                const V b = get(first + half, count);
                const V minus_bs = V::set(-0.0f) - b * s;
                put(V::canonical(V::fma(a, c, minus_bs)), first, count);
                put(V::canonical(V::fma(b, c, a * s)), first + half, count);
            }
        }
    }

    static bool to_half(const float* x, std::uint16_t* y, std::uint32_t n) {
        bool finite = true;
        SKALD_EACH_VECTOR(i, count, n) {
            const V v = get(x + i, count);
            // 65520 and up round to infinity.
            finite &= V::all_finite(v) && !V::any_above(V::abs(v), 0x1.ffdffep+15f);
            v.store_half(y + i, count);
        }
        return finite;
    }

    static void attention_result(const float* o, float sum, float* y, std::uint32_t n) {
        SKALD_EACH_VECTOR(i, count, n) {
            put(V::canonical(get(o + i, count) / V::set(sum)), y + i, count);
        }
    }

    static void divide(const float* x, float divisor, float* z, std::uint32_t n) {
        SKALD_EACH_VECTOR(i, count, n) {
            put(get(x + i, count) / V::set(divisor), z + i, count);
        }
    }

    // NaN and +inf are told apart from -inf: only they are above the largest number or unordered.
    static bool row_max(const float* x, std::uint32_t n, float* lanes) {
        V max = V::load(lanes);
        bool good = true;
        SKALD_EACH_VECTOR(i, count, n) {
            const V v = get(x + i, count);
            const V low = V::set(-1.0f);
            // -inf becomes -1, everything else stays: then all must be finite.
            good &= V::all_finite(V::select_less(v, V::set(-0x1.fffffep+127f), low, v));
            max = V::select_first(count, V::max_number(max, v), max);
        }
        max.store(lanes);
        return good;
    }

    static void exp_sum(const float* z, float max, float* w, std::uint32_t n, float* lanes) {
        V sum = V::load(lanes);
        SKALD_EACH_VECTOR(i, count, n) {
            const V e = exp(get(z + i, count) - V::set(max));
            if (w != nullptr)
                put(e, w + i, count);
            sum = V::select_first(count, sum + e, sum);
        }
        sum.store(lanes);
    }

    static std::uint32_t find_above(const float* x, float limit, std::uint32_t from,
                                    std::uint32_t n) {
        std::uint32_t i = from;
        while (i + 16 <= n && !V::any_above(V::load(x + i), limit))
            i += 16;
        while (i < n && !(x[i] > limit))
            ++i;
        return i;
    }
};

}  // namespace skald::card::compute
