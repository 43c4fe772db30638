// SPDX-License-Identifier: MIT
// Norms in pieces: sums into 16 lanes, which carry the partial results from piece to piece, then
// what is made of them. Bodies for every path; V is one of the vector types.
#pragma once

#include <bit>
#include <cstdint>

#include "card/compute/kernels.hpp"
#include "card/compute/pieces.hpp"

namespace skald::card::compute {

template <class V>
struct Norms : Pieces<V> {
    using Pieces<V>::get;
    using Pieces<V>::put;

    static void sum(const float* x, std::uint32_t n, float* lanes) {
        V acc = V::load(lanes);
        SKALD_EACH_VECTOR(i, count, n) {
            acc = V::select_first(count, acc + get(x + i, count), acc);
        }
        acc.store(lanes);
    }

    // Less a mean of +0, as RMS_NORM has it, is no less, bit by bit; -0 makes another 0 of -0.
    [[gnu::always_inline]] static bool is_centred(float mean) {
        return std::bit_cast<std::uint32_t>(mean) != 0;
    }
    template <bool kCentred>
    [[gnu::always_inline]] static V centred(V x, V mean) {
        return kCentred ? x - mean : x;
    }

    template <bool kCentred>
    [[gnu::always_inline]] static void sum_squares(const float* x, V mean, std::uint32_t n,
                                                   float* lanes) {
        V acc = V::load(lanes);
        std::uint32_t i = 0;
        for (; i + 16 <= n; i += 16) {
            const V c = centred<kCentred>(V::load(x + i), mean);
            acc = V::fma(c, c, acc);
        }
        if (i < n) {
            const V c = centred<kCentred>(V::load(x + i, n - i), mean);
            acc = V::select_first(n - i, V::fma(c, c, acc), acc);
        }
        acc.store(lanes);
    }
    static void sum_squares(const float* x, float mean, std::uint32_t n, float* lanes) {
        if (is_centred(mean))
            sum_squares<true>(x, V::set(mean), n, lanes);
        else
            sum_squares<false>(x, V::set(0.0f), n, lanes);
    }

    template <bool kCentred, bool kGain, bool kBias>
    [[gnu::always_inline]] static void normalise(const float* x, const NormTerms& terms, float* y,
                                                 std::uint32_t n) {
        const V mean = V::set(terms.mean);
        const V r = V::set(terms.r);
        const float* const gain = terms.gain;  // terms could lie in y, for all the compiler knows
        const float* const bias = terms.bias;
        SKALD_EACH_VECTOR(i, count, n) {
            V v = centred<kCentred>(get(x + i, count), mean) * r;
            if constexpr (kGain)
                v = v * get(gain + i, count);
            if constexpr (kBias)
                v = v + get(bias + i, count);
            put(V::canonical(v), y + i, count);
        }
    }
    static void normalise(const float* x, const NormTerms& terms, float* y, std::uint32_t n) {
        const bool plain = !is_centred(terms.mean) && terms.bias == nullptr;
        if (plain && terms.gain != nullptr)
            normalise<false, true, false>(x, terms, y, n);
        else if (plain)
            normalise<false, false, false>(x, terms, y, n);
        else if (terms.gain != nullptr && terms.bias != nullptr)
            normalise<true, true, true>(x, terms, y, n);
        else if (terms.gain != nullptr)
            normalise<true, true, false>(x, terms, y, n);
        else if (terms.bias != nullptr)
            normalise<true, false, true>(x, terms, y, n);
        else
            normalise<true, false, false>(x, terms, y, n);
    }
};

}  // namespace skald::card::compute
