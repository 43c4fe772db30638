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
    SKALD_INLINE static Avx512Vec with_sign(Avx512Vec magnitude, Avx512Vec x) {
        return {_mm512_or_ps(magnitude.f, _mm512_and_ps(x.f, _mm512_set1_ps(-0.0f)))};
    }
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
    SKALD_INLINE static Avx512Vec largest_magnitude_of_each(const Avx512Vec (&v)[16]) {
        return across(
            v, [](__m512 a, __m512 b) SKALD_INLINE_LAMBDA { return max_magnitude({a}, {b}).f; });
    }
    SKALD_INLINE static Avx512Vec largest_of_each(const Avx512Vec (&v)[16]) {
        return across(v,
                      [](__m512 a, __m512 b) SKALD_INLINE_LAMBDA { return _mm512_max_ps(a, b); });
    }
    SKALD_INLINE static Avx512Vec tree_sum_of_each(const Avx512Vec (&v)[16]) {
        return across(v,
                      [](__m512 a, __m512 b) SKALD_INLINE_LAMBDA { return _mm512_add_ps(a, b); });
    }
    // Lane i: the tree 8-4-2-1 of f over the lanes of v[i]. Each step halves what is left of every
    // vector and puts two halves side by side.
    template <class F>
    SKALD_INLINE static Avx512Vec across(const Avx512Vec (&v)[16], F f) {
        const auto blocks = [&](__m512 a, __m512 b) SKALD_INLINE_LAMBDA {  // 4 apart
            return f(_mm512_shuffle_f32x4(a, b, _MM_SHUFFLE(2, 0, 2, 0)),
                     _mm512_shuffle_f32x4(a, b, _MM_SHUFFLE(3, 1, 3, 1)));
        };
        __m512 two[2];  // of eight vectors each
        for (int i = 0; i < 2; ++i) {
            __m512 four[2];  // a lane block of each
            for (int j = 0; j < 2; ++j) {
                __m512 eight[2];
                for (int k = 0; k < 2; ++k) {
                    const __m512 a = v[8 * i + 4 * j + 2 * k].f;
                    const __m512 b = v[8 * i + 4 * j + 2 * k + 1].f;
                    eight[k] = f(_mm512_shuffle_f32x4(a, b, _MM_SHUFFLE(1, 0, 1, 0)),
                                 _mm512_shuffle_f32x4(a, b, _MM_SHUFFLE(3, 2, 3, 2)));
                }
                four[j] = blocks(eight[0], eight[1]);
            }
            const __m512d a = _mm512_castps_pd(four[0]);
            const __m512d b = _mm512_castps_pd(four[1]);
            two[i] = f(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)),
                       _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
        }
        const __m512 one = f(_mm512_shuffle_ps(two[0], two[1], _MM_SHUFFLE(2, 0, 2, 0)),
                             _mm512_shuffle_ps(two[0], two[1], _MM_SHUFFLE(3, 1, 3, 1)));
        // Lanes 0, 4, 8, 12, 1, 5, ...
        const __m512i order =
            _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        return {_mm512_permutexvar_ps(order, one)};
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
