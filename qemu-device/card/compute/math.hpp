// SPDX-License-Identifier: MIT
// The elementary functions of the ISA (uapi/doc/isa.md, "exp and log"): one body for all paths,
// written over a vector type of 16 lanes, so that every path computes the same bits.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace skald::card::compute {

inline constexpr std::uint32_t kCanonicalNan = 0x7fc00000u;
inline constexpr float kLog2e = 0x1.715476p+0f;  // 1 / ln 2
// ln 2 in two parts (Cody and Waite): the high one has few bits, so that n * kLn2High is exact.
inline constexpr float kLn2High = 0x1.63p-1f;
inline constexpr float kLn2Low = -0x1.bd0106p-13f;  // ln 2 - kLn2High

// exp(r) on |r| <= ln2 / 2, ascending powers; the first two are exact, the others fitted to the
// interval (Taylor's would be 1 / k!). tests/unit/compute/math_test.cpp measures both functions.
inline constexpr float kExp[7] = {0x1p+0f,        0x1p+0f,        0x1p-1f,        0x1.5554dcp-3f,
                                  0x1.555518p-5f, 0x1.120be2p-7f, 0x1.6d117cp-10f};
inline constexpr float kExpLow = -87.0f;        // below: +0, so that no result is subnormal
inline constexpr float kExpHigh = 88.37626f;    // 127.5 ln 2; above n would be 128: +inf
inline constexpr float kExpRound = 0x1.8p+23f;  // x + this rounds x to an integer

// Of kExpLow .. kExpHigh. x * log2(e) is rounded to an integer n that stays in the low bits of t,
// from where it goes into the exponent of the result.
template <class V>
[[gnu::always_inline]] inline V exp_within(V clamped) {
    const V t = V::fma(clamped, V::set(kLog2e), V::set(kExpRound));
    const V n = t - V::set(kExpRound);
    V r = V::fma(n, V::set(-kLn2High), clamped);
    r = V::fma(n, V::set(-kLn2Low), r);
    V p = V::set(kExp[6]);
    p = V::fma(p, r, V::set(kExp[5]));
    p = V::fma(p, r, V::set(kExp[4]));
    p = V::fma(p, r, V::set(kExp[3]));
    p = V::fma(p, r, V::set(kExp[2]));
    p = V::fma(p, r, V::set(kExp[1]));
    p = V::fma(p, r, V::set(kExp[0]));
    return V::add_exponent(p, t);
}

template <class V>
[[gnu::always_inline]] inline V exp(V x) {
    V p = exp_within(V::min(V::max(x, V::set(kExpLow)), V::set(kExpHigh)));
    p = V::select_less(x, V::set(kExpLow), V::set(0.0f), p);
    p = V::select_less(V::set(kExpHigh), x, V::set(std::bit_cast<float>(0x7f800000u)), p);
    return V::keep_nan(x, p);
}

// The same for x <= 0 that is no NaN, in fewer steps.
template <class V>
[[gnu::always_inline]] inline V exp_negative(V x) {
    const V clamped = V::max(x, V::set(kExpLow));
    return V::select_less(x, V::set(kExpLow), V::set(0.0f), exp_within(clamped));
}

// (log(1 + f) - f + f^2 / 2) / f^3 on [sqrt(1/2) - 1, sqrt(2) - 1], ascending powers; fitted
// likewise.
inline constexpr float kLog[8] = {0x1.555554p-2f, -0x1.0000cep-2f, 0x1.999f14p-3f, -0x1.54d03ep-3f,
                                  0x1.231ce6p-3f, -0x1.0a33eap-3f, 0x1.02814ep-3f, -0x1.43b246p-4f};

// Natural logarithm of a positive normal number; anything else gives NaN. Scalar on every path.
inline float log(float x) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
    if (bits < 0x00800000u || bits >= 0x7f800000u)
        return std::bit_cast<float>(kCanonicalNan);
    const std::int32_t shifted = static_cast<std::int32_t>(bits - 0x3f3504f3u);
    const float e = static_cast<float>(shifted >> 23);
    const float m =
        std::bit_cast<float>((static_cast<std::uint32_t>(shifted) & 0x7fffffu) + 0x3f3504f3u);
    const float f = m - 1.0f;
    const float square = f * f;
    float p = kLog[7];
    for (int i = 6; i >= 0; --i)
        p = std::fma(p, f, kLog[i]);
    const float cube = f * square;
    float y = cube * p;
    y = std::fma(e, kLn2Low, y);
    y = std::fma(-0.5f, square, y);
    y = f + y;
    return std::fma(e, kLn2High, y);
}

inline float canonical(float x) {
    return x != x ? std::bit_cast<float>(kCanonicalNan) : x;
}

// QUANT's factor 127 / amax: numbers are -127 .. 127, so that a value and its negative are alike.
inline float quant_inverse(float amax) {
    const float id = amax != 0.0f ? 127.0f / amax : 0.0f;
    return std::bit_cast<std::uint32_t>(id) == 0x7f800000u ? 0.0f : id;
}

// The rule of max16: NaN loses against a number, +0 beats -0.
inline float max_number(float a, float b) {
    if (a != a)
        return b;
    if (b != b)
        return a;
    if (a == b)
        return std::bit_cast<float>(std::bit_cast<std::uint32_t>(a) &
                                    std::bit_cast<std::uint32_t>(b));
    return a > b ? a : b;
}

// The trees that end sum16 and max16.
inline float tree_sum(const float* lanes) {
    float t[8];
    for (int j = 0; j < 8; ++j)
        t[j] = lanes[j] + lanes[j + 8];
    for (int j = 0; j < 4; ++j)
        t[j] = t[j] + t[j + 4];
    for (int j = 0; j < 2; ++j)
        t[j] = t[j] + t[j + 2];
    return t[0] + t[1];
}

inline float tree_max(const float* lanes) {
    float t[8];
    for (int j = 0; j < 8; ++j)
        t[j] = max_number(lanes[j], lanes[j + 8]);
    for (int j = 0; j < 4; ++j)
        t[j] = max_number(t[j], t[j + 4]);
    for (int j = 0; j < 2; ++j)
        t[j] = max_number(t[j], t[j + 2]);
    return max_number(t[0], t[1]);
}

}  // namespace skald::card::compute
