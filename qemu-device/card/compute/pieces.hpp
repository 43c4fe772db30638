// SPDX-License-Identifier: MIT
// How kernels walk over a piece of a row: whole vectors of 16, then what is left.
#pragma once

#include <cstdint>

namespace skald::card::compute {

// Calls body(offset, 16) for whole vectors and body(offset, rest) for the last, shorter one.
// NOLINTBEGIN(bugprone-macro-parentheses): i and count are names
#define SKALD_EACH_VECTOR(i, count, n)                      \
    for (std::uint32_t i = 0, count = 16; i < (n); i += 16) \
        if (count = (n) - i < 16 ? (n) - i : 16; true)
// NOLINTEND(bugprone-macro-parentheses)

// How far ahead, in elements, what a prefill reads row by row is asked for: activations of many
// rows come from memory, and a page's end stops what processors do by themselves.
inline constexpr std::uint32_t kAhead = 512;

template <class V>
struct Pieces {
    [[gnu::always_inline]] static V get(const float* p, std::uint32_t n) {
        return n == 16 ? V::load(p) : V::load(p, n);
    }
    [[gnu::always_inline]] static void put(const V& v, float* p, std::uint32_t n) {
        if (n == 16)
            v.store(p);
        else
            v.store(p, n);
    }
};

}  // namespace skald::card::compute
