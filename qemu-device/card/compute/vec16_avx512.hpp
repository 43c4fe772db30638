// SPDX-License-Identifier: MIT
// Sixteen f32 lanes in one AVX-512 register; members mean what those of ScalarVec do. Everything is
// forced inline: no copy compiled for this instruction set may serve another path.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "card/compute/math.hpp"
#include "card/compute/reduce_avx2.hpp"

namespace skald::card::compute {

#define SKALD_INLINE [[gnu::always_inline]] inline
#define SKALD_INLINE_LAMBDA __attribute__((always_inline))

struct Avx512Vec {
    static constexpr int kTiles = 4;
    static constexpr int kDepth = 4;
    static constexpr int kColumns = 8;

    __m512 f;

    SKALD_INLINE static __mmask16 first(unsigned n) {
        return static_cast<__mmask16>((1u << n) - 1u);
    }
    SKALD_INLINE static Avx512Vec set(float x) { return {_mm512_set1_ps(x)}; }
    SKALD_INLINE static Avx512Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
    SKALD_INLINE static Avx512Vec load(const float* p, unsigned n) {
        return {_mm512_maskz_loadu_ps(first(n), p)};
    }
    SKALD_INLINE static Avx512Vec load_half(const std::uint16_t* p) {
        return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
    }
    SKALD_INLINE static Avx512Vec load_half(const std::uint16_t* p, unsigned n) {
        return {_mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first(n), p))};
    }
    SKALD_INLINE void store(float* p) const { _mm512_storeu_ps(p, f); }
    SKALD_INLINE void store(float* p, unsigned n) const { _mm512_mask_storeu_ps(p, first(n), f); }
    SKALD_INLINE void store_half(std::uint16_t* p, unsigned n) const {
        _mm256_mask_storeu_epi16(p, first(n), _mm512_cvtps_ph(f, _MM_FROUND_TO_NEAREST_INT));
    }

    SKALD_INLINE friend Avx512Vec operator+(Avx512Vec a, Avx512Vec b) {
        return {_mm512_add_ps(a.f, b.f)};
    }
    SKALD_INLINE friend Avx512Vec operator-(Avx512Vec a, Avx512Vec b) {
        return {_mm512_sub_ps(a.f, b.f)};
    }
    SKALD_INLINE friend Avx512Vec operator*(Avx512Vec a, Avx512Vec b) {
        return {_mm512_mul_ps(a.f, b.f)};
    }
    SKALD_INLINE friend Avx512Vec operator/(Avx512Vec a, Avx512Vec b) {
        return {_mm512_div_ps(a.f, b.f)};
    }
    SKALD_INLINE static Avx512Vec fma(Avx512Vec a, Avx512Vec b, Avx512Vec c) {
        return {_mm512_fmadd_ps(a.f, b.f, c.f)};
    }
    SKALD_INLINE static Avx512Vec max(Avx512Vec a, Avx512Vec b) {
        return {_mm512_max_ps(a.f, b.f)};
    }
    SKALD_INLINE static Avx512Vec min(Avx512Vec a, Avx512Vec b) {
        return {_mm512_min_ps(a.f, b.f)};
    }
    SKALD_INLINE static Avx512Vec max_number(Avx512Vec a, Avx512Vec b) {
        const __m512 both = _mm512_and_ps(a.f, b.f);
        __m512 v = _mm512_max_ps(a.f, b.f);  // b if either is NaN
        v = _mm512_mask_mov_ps(v, _mm512_cmp_ps_mask(a.f, b.f, _CMP_EQ_OQ), both);
        return {_mm512_mask_mov_ps(v, _mm512_cmp_ps_mask(b.f, b.f, _CMP_UNORD_Q), a.f)};
    }
    SKALD_INLINE static Avx512Vec abs(Avx512Vec a) { return {_mm512_abs_ps(a.f)}; }
    SKALD_INLINE static Avx512Vec select_less(Avx512Vec a, Avx512Vec b, Avx512Vec x, Avx512Vec y) {
        return {_mm512_mask_mov_ps(y.f, _mm512_cmp_ps_mask(a.f, b.f, _CMP_LT_OQ), x.f)};
    }
    SKALD_INLINE static Avx512Vec select_first(unsigned n, Avx512Vec x, Avx512Vec y) {
        return {_mm512_mask_mov_ps(y.f, first(n), x.f)};
    }
    SKALD_INLINE static Avx512Vec swap_fours(Avx512Vec x) {
        return {_mm512_shuffle_f32x4(x.f, x.f, _MM_SHUFFLE(2, 3, 0, 1))};
    }
    SKALD_INLINE static Avx512Vec keep_nan(Avx512Vec x, Avx512Vec y) {
        const __m512 nan = _mm512_castsi512_ps(_mm512_set1_epi32(kCanonicalNan));
        return {_mm512_mask_mov_ps(y.f, _mm512_cmp_ps_mask(x.f, x.f, _CMP_UNORD_Q), nan)};
    }
    SKALD_INLINE static Avx512Vec canonical(Avx512Vec x) { return keep_nan(x, x); }
    SKALD_INLINE static Avx512Vec add_exponent(Avx512Vec p, Avx512Vec t) {
        return {_mm512_castsi512_ps(_mm512_add_epi32(
            _mm512_castps_si512(p.f), _mm512_slli_epi32(_mm512_castps_si512(t.f), 23)))};
    }
    SKALD_INLINE static bool all_finite(Avx512Vec x) {
        const __m512i exponent = _mm512_set1_epi32(0x7f800000);
        const __m512i bits = _mm512_and_si512(_mm512_castps_si512(x.f), exponent);
        return _mm512_cmpeq_epi32_mask(bits, exponent) == 0;
    }
    SKALD_INLINE static bool any_above(Avx512Vec x, float limit) {
        return _mm512_cmp_ps_mask(x.f, _mm512_set1_ps(limit), _CMP_GT_OQ) != 0;
    }
    SKALD_INLINE static void store_i8(Avx512Vec x, std::int8_t* p) {
        const __m512i integers =
            _mm512_cvt_roundps_epi32(x.f, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(integers));
    }
    SKALD_INLINE static std::int32_t sum32(const std::int8_t* p) { return avx2_sum32(p); }
    SKALD_INLINE static float largest(Avx512Vec x) {
        return avx2_largest(
            _mm256_max_ps(_mm512_castps512_ps256(x.f), _mm512_extractf32x8_ps(x.f, 1)));
    }
    SKALD_INLINE static Avx512Vec rounded(Avx512Vec x) {
        return {_mm512_roundscale_ps(x.f, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
    }
    SKALD_INLINE void store_integers(std::int32_t* p, unsigned n) const {
        _mm512_mask_storeu_epi32(p, first(n), _mm512_cvtps_epi32(f));
    }
    SKALD_INLINE static Avx512Vec max_magnitude(Avx512Vec a, Avx512Vec b) {
        return {_mm512_castsi512_ps(
            _mm512_max_epi32(_mm512_castps_si512(a.f), _mm512_castps_si512(b.f)))};
    }
    SKALD_INLINE static Avx512Vec largest_of_each(const Avx512Vec (&v)[16]) {
        return across(
            v, [](Avx512Vec a, Avx512Vec b) SKALD_INLINE_LAMBDA { return max_magnitude(a, b); });
    }
    SKALD_INLINE static Avx512Vec sum_of_each(const Avx512Vec (&v)[16]) {
        return across(v, [](Avx512Vec a, Avx512Vec b) SKALD_INLINE_LAMBDA { return a + b; });
    }
    // Lane i: f over the lanes of v[i]. Each step halves what is left of every vector and puts two
    // halves side by side.
    template <class F>
    SKALD_INLINE static Avx512Vec across(const Avx512Vec (&v)[16], F f) {
        Avx512Vec four[4];  // of four vectors each: their lanes in turns
        for (int i = 0; i < 4; ++i) {
            __m512 two[2];
            for (int j = 0; j < 2; ++j) {
                const __m512 a = v[4 * i + 2 * j].f;
                const __m512 b = v[4 * i + 2 * j + 1].f;
                two[j] =
                    f(Avx512Vec{_mm512_unpacklo_ps(a, b)}, Avx512Vec{_mm512_unpackhi_ps(a, b)}).f;
            }
            const __m512d a = _mm512_castps_pd(two[0]);
            const __m512d b = _mm512_castps_pd(two[1]);
            four[i] = f(Avx512Vec{_mm512_castpd_ps(_mm512_unpacklo_pd(a, b))},
                        Avx512Vec{_mm512_castpd_ps(_mm512_unpackhi_pd(a, b))});
        }
        const auto halve = [&](Avx512Vec a, Avx512Vec b) SKALD_INLINE_LAMBDA {
            return f(Avx512Vec{_mm512_shuffle_f32x4(a.f, b.f, _MM_SHUFFLE(2, 0, 2, 0))},
                     Avx512Vec{_mm512_shuffle_f32x4(a.f, b.f, _MM_SHUFFLE(3, 1, 3, 1))});
        };
        return halve(halve(four[0], four[1]), halve(four[2], four[3]));
    }
    SKALD_INLINE static Avx512Vec load_i8(const std::int8_t* p) {
        return {_mm512_cvtepi32_ps(
            _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
    }
    SKALD_INLINE static Avx512Vec load_i8(const std::int8_t* p, unsigned n) {
        return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(first(n), p)))};
    }
};

#undef SKALD_INLINE
#undef SKALD_INLINE_LAMBDA

}  // namespace skald::card::compute
