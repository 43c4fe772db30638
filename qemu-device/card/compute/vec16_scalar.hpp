// SPDX-License-Identifier: MIT
// Sixteen f32 lanes in plain C++: the path every processor has, and the meaning of the other two.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "card/compute/half.hpp"
#include "card/compute/math.hpp"

namespace skald::card::compute {

struct ScalarVec {
    static constexpr int kTiles = 1;    // K tiles an attention loop keeps in registers
    static constexpr int kDepth = 1;    // vectors of a head it does
    static constexpr int kColumns = 4;  // columns a float matmul does at a time

    float f[16];

    static ScalarVec set(float x) {
        ScalarVec v;
        for (float& lane : v.f)
            lane = x;
        return v;
    }
    static ScalarVec load(const float* p) {
        ScalarVec v;
        for (int i = 0; i < 16; ++i)
            v.f[i] = p[i];
        return v;
    }
    static ScalarVec load(const float* p, unsigned n) {  // lanes from n on are +0
        ScalarVec v = set(0.0f);
        for (unsigned i = 0; i < n; ++i)
            v.f[i] = p[i];
        return v;
    }
    static ScalarVec load_half(const std::uint16_t* p) {
        ScalarVec v;
        for (int i = 0; i < 16; ++i)
            v.f[i] = half_to_float(p[i]);
        return v;
    }
    static ScalarVec load_half(const std::uint16_t* p, unsigned n) {
        ScalarVec v = set(0.0f);
        for (unsigned i = 0; i < n; ++i)
            v.f[i] = half_to_float(p[i]);
        return v;
    }
    void store(float* p) const {
        for (int i = 0; i < 16; ++i)
            p[i] = f[i];
    }
    void store(float* p, unsigned n) const {
        for (unsigned i = 0; i < n; ++i)
            p[i] = f[i];
    }
    void store_half(std::uint16_t* p, unsigned n) const {
        for (unsigned i = 0; i < n; ++i)
            p[i] = float_to_half(f[i]);
    }

    friend ScalarVec operator+(const ScalarVec& a, const ScalarVec& b) {
        return map(a, b, [](float x, float y) { return x + y; });
    }
    friend ScalarVec operator-(const ScalarVec& a, const ScalarVec& b) {
        return map(a, b, [](float x, float y) { return x - y; });
    }
    friend ScalarVec operator*(const ScalarVec& a, const ScalarVec& b) {
        return map(a, b, [](float x, float y) { return x * y; });
    }
    friend ScalarVec operator/(const ScalarVec& a, const ScalarVec& b) {
        return map(a, b, [](float x, float y) { return x / y; });
    }
    static ScalarVec fma(const ScalarVec& a, const ScalarVec& b, const ScalarVec& c) {
        ScalarVec v;
        for (int i = 0; i < 16; ++i)
            v.f[i] = __builtin_fmaf(a.f[i], b.f[i], c.f[i]);
        return v;
    }
    // As the instructions: the second operand if either is NaN or both are zero.
    static ScalarVec max(const ScalarVec& a, const ScalarVec& b) {
        return map(a, b, [](float x, float y) { return x > y ? x : y; });
    }
    static ScalarVec min(const ScalarVec& a, const ScalarVec& b) {
        return map(a, b, [](float x, float y) { return x < y ? x : y; });
    }
    static ScalarVec max_number(const ScalarVec& a, const ScalarVec& b) {
        return map(a, b, [](float x, float y) { return compute::max_number(x, y); });
    }
    static ScalarVec abs(const ScalarVec& a) {
        return map(a, a, [](float x, float) {
            return std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) & 0x7fffffffu);
        });
    }
    // magnitude, which is not negative, with the sign of x.
    static ScalarVec with_sign(const ScalarVec& magnitude, const ScalarVec& x) {
        return map(magnitude, x, [](float m, float sign) {
            return std::bit_cast<float>(std::bit_cast<std::uint32_t>(m) |
                                        (std::bit_cast<std::uint32_t>(sign) & 0x80000000u));
        });
    }
    // a < b ? x : y
    static ScalarVec select_less(const ScalarVec& a, const ScalarVec& b, const ScalarVec& x,
                                 const ScalarVec& y) {
        ScalarVec v;
        for (int i = 0; i < 16; ++i)
            v.f[i] = a.f[i] < b.f[i] ? x.f[i] : y.f[i];
        return v;
    }
    // Lanes below n from x, the others from y.
    static ScalarVec select_first(unsigned n, const ScalarVec& x, const ScalarVec& y) {
        ScalarVec v;
        for (unsigned i = 0; i < 16; ++i)
            v.f[i] = i < n ? x.f[i] : y.f[i];
        return v;
    }
    // Lanes 4..7, 0..3, 12..15, 8..11.
    static ScalarVec swap_fours(const ScalarVec& x) {
        ScalarVec v;
        for (unsigned i = 0; i < 16; ++i)
            v.f[i] = x.f[i ^ 4];
        return v;
    }
    // The canonical NaN where x is NaN, else y.
    static ScalarVec keep_nan(const ScalarVec& x, const ScalarVec& y) {
        return map(x, y, [](float a, float b) {
            return a != a ? std::bit_cast<float>(kCanonicalNan) : b;
        });
    }
    static ScalarVec canonical(const ScalarVec& x) { return keep_nan(x, x); }
    // p * 2^n, n = the integer in the low bits of t.
    static ScalarVec add_exponent(const ScalarVec& p, const ScalarVec& t) {
        return map(p, t, [](float a, float b) {
            return std::bit_cast<float>(std::bit_cast<std::uint32_t>(a) +
                                        (std::bit_cast<std::uint32_t>(b) << 23));
        });
    }
    static bool all_finite(const ScalarVec& x) {
        bool finite = true;
        for (float lane : x.f)
            finite &= (std::bit_cast<std::uint32_t>(lane) & 0x7f800000u) != 0x7f800000u;
        return finite;
    }
    // Some lane exceeds the limit; NaN does not.
    static bool any_above(const ScalarVec& x, float limit) {
        bool above = false;
        for (float lane : x.f)
            above |= lane > limit;
        return above;
    }
    // Rounded to nearest even; |lanes| at most 127.
    static void store_i8(const ScalarVec& x, std::int8_t* p) {
        for (int i = 0; i < 16; ++i)
            p[i] = static_cast<std::int8_t>(
                static_cast<std::int32_t>((x.f[i] + kExpRound) - kExpRound));
    }
    static ScalarVec load_i8(const std::int8_t* p) { return load_i8(p, 16); }
    static std::int32_t sum32(const std::int8_t* p) {
        std::int32_t sum = 0;
        for (int i = 0; i < 32; ++i)
            sum += p[i];
        return sum;
    }
    // Rounded to the nearest even integer; |lanes| below 2^22.
    static ScalarVec rounded(const ScalarVec& x) {
        return map(x, x, [](float v, float) { return (v + kExpRound) - kExpRound; });
    }
    // The first n lanes, which are integers.
    void store_integers(std::int32_t* p, unsigned n) const {
        for (unsigned i = 0; i < n; ++i)
            p[i] = static_cast<std::int32_t>(f[i]);
    }
    // Of lanes that are not negative; infinity and then NaN are above all numbers.
    static ScalarVec max_magnitude(const ScalarVec& a, const ScalarVec& b) {
        return map(a, b, [](float x, float y) {
            const auto xb = std::bit_cast<std::uint32_t>(x);
            const auto yb = std::bit_cast<std::uint32_t>(y);
            return std::bit_cast<float>(xb > yb ? xb : yb);
        });
    }
    // Lane i: max_magnitude of all lanes of v[i].
    static ScalarVec largest_magnitude_of_each(const ScalarVec (&v)[16]) {
        ScalarVec r;
        for (unsigned i = 0; i < 16; ++i) {
            std::uint32_t most = 0;
            for (float lane : v[i].f)
                most = std::max(most, std::bit_cast<std::uint32_t>(lane));
            r.f[i] = std::bit_cast<float>(most);
        }
        return r;
    }
    // Lane i: tree_sum() of v[i], largest() of v[i].
    static ScalarVec tree_sum_of_each(const ScalarVec (&v)[16]) {
        ScalarVec r;
        for (unsigned i = 0; i < 16; ++i)
            r.f[i] = tree_sum(v[i].f);
        return r;
    }
    static ScalarVec largest_of_each(const ScalarVec (&v)[16]) {
        ScalarVec r;
        for (unsigned i = 0; i < 16; ++i)
            r.f[i] = largest(v[i]);
        return r;
    }
    // Of lanes that are no NaN.
    static float largest(const ScalarVec& x) {
        float most = x.f[0];
        for (float lane : x.f)
            most = lane > most ? lane : most;
        return most;
    }
    static ScalarVec load_i8(const std::int8_t* p, unsigned n) {
        ScalarVec v = set(0.0f);
        for (unsigned i = 0; i < n; ++i)
            v.f[i] = static_cast<float>(p[i]);
        return v;
    }

  private:
    template <class F>
    static ScalarVec map(const ScalarVec& a, const ScalarVec& b, F f) {
        ScalarVec v;
        for (int i = 0; i < 16; ++i)
            v.f[i] = f(a.f[i], b.f[i]);
        return v;
    }
};

}  // namespace skald::card::compute
