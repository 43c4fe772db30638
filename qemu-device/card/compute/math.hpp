// SPDX-License-Identifier: MIT
// The elementary functions of the ISA (uapi/doc/isa.md, "exp and log" and what follows): one body
// for all paths, written over a vector type of 16 lanes, so that every path computes the same bits.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace skald::card::compute {

inline constexpr std::uint32_t kCanonicalNan = 0x7fc00000u;
inline constexpr float kLog2e = 0x1.715476p+0f;  // 1 / ln 2
// ln 2 in two parts (Cody and Waite): the high one has few bits, so that n * kLn2High is exact.
inline constexpr float kLn2High = 0x1.63p-1f;
inline constexpr float kLn2Low = -0x1.bd0106p-13f;  // ln 2 - kLn2High

// exp(r) on |r| <= ln2 / 2, ascending powers; the first two are exact, the others fitted to the
// interval (Taylor's would be 1 / k!). tests/unit/compute measures all functions.
inline constexpr float kExp[7] = {0x1p+0f,        0x1p+0f,        0x1p-1f,        0x1.5554dcp-3f,
                                  0x1.555518p-5f, 0x1.120be2p-7f, 0x1.6d117cp-10f};
inline constexpr float kExpLow = -87.0f;        // below: +0, so that no result is subnormal
inline constexpr float kExpHigh = 88.37626f;    // 127.5 ln 2; above n would be 128: +inf
inline constexpr float kExpRound = 0x1.8p+23f;  // x + this rounds x to an integer

// c[0] + c[1] x + ..., each step an fma.
template <class V, std::size_t kTerms>
[[gnu::always_inline]] inline V polynomial(const float (&c)[kTerms], V x) {
    V p = V::set(c[kTerms - 1]);
    for (std::size_t i = kTerms - 1; i-- > 0;)
        p = V::fma(p, x, V::set(c[i]));
    return p;
}

// Of kExpLow .. kExpHigh. x * log2(e) is rounded to an integer n that stays in the low bits of t,
// from where it goes into the exponent of the result.
template <class V>
[[gnu::always_inline]] inline V exp_within(V clamped) {
    const V t = V::fma(clamped, V::set(kLog2e), V::set(kExpRound));
    const V n = t - V::set(kExpRound);
    V r = V::fma(n, V::set(-kLn2High), clamped);
    r = V::fma(n, V::set(-kLn2Low), r);
    return V::add_exponent(polynomial(kExp, r), t);
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

template <class V>
[[gnu::always_inline]] inline V negated(V x) {
    return V::set(-0.0f) - x;
}

template <class V>
[[gnu::always_inline]] inline V sigmoid(V x) {
    return V::set(1.0f) / (V::set(1.0f) + exp(negated(x)));
}

// (tanh(a) / a - 1) / a^2 on 0 .. kTanhSplit and erf(a) / a - 1 on 0 .. kErfSplit, in powers of
// a^2; (-log(1 - erf(a)) / a - 1) on kErfSplit .. kErfEnd, in powers of a. Fitted like exp's.
inline constexpr float kTanh[5] = {-0x1.555532p-2f, 0x1.110726p-3f, -0x1.b83c5ap-5f, 0x1.52269ep-6f,
                                   -0x1.75e1d6p-8f};
inline constexpr float kTanhSplit = 0.625f;
inline constexpr float kTanhEnd = 32.0f;  // 1 long before; exp(2 * 32) is no infinity yet
inline constexpr float kErf[6] = {0x1.06eba6p-3f,  -0x1.8126e2p-2f, 0x1.ce19e4p-4f,
                                  -0x1.b68384p-6f, 0x1.470d3ap-8f,  -0x1.395864p-11f};
inline constexpr float kErfTail[6] = {0x1.0731b6p-3f,  0x1.457d90p-1f, 0x1.af1fbcp-4f,
                                      -0x1.76f4c8p-6f, 0x1.a5357ap-9f, -0x1.c06820p-13f};
inline constexpr float kErfSplit = 0.925f;
inline constexpr float kErfEnd = 4.0f;  // 1 from 3.92 on

// Both work on |x|, so that tanh(-x) = -tanh(x) and zeros keep their sign.
template <class V>
[[gnu::always_inline]] inline V tanh(V x) {
    const V a = V::abs(x);
    const V square = a * a;
    const V near = V::fma(polynomial(kTanh, square) * square, a, a);
    const V clamped = V::min(a, V::set(kTanhEnd));
    const V e = exp_within(clamped + clamped);
    const V far = V::set(1.0f) - V::set(2.0f) / (e + V::set(1.0f));
    const V y = V::select_less(a, V::set(kTanhSplit), near, far);
    return V::keep_nan(x, V::with_sign(y, x));
}

template <class V>
[[gnu::always_inline]] inline V erf(V x) {
    const V a = V::abs(x);
    const V near = V::fma(polynomial(kErf, a * a), a, a);
    const V clamped = V::min(a, V::set(kErfEnd));
    const V exponent = V::fma(polynomial(kErfTail, clamped), clamped, clamped);
    const V far = V::set(1.0f) - exp_within(negated(exponent));
    const V y = V::select_less(a, V::set(kErfSplit), near, far);
    return V::keep_nan(x, V::with_sign(y, x));
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
