// SPDX-License-Identifier: MIT
// Sixteen f32 lanes in two AVX2 registers (with FMA and F16C); members mean what those of ScalarVec
// do. Everything is forced inline: no copy compiled for this instruction set may serve another
// path.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "card/compute/math.hpp"
#include "card/compute/reduce_avx2.hpp"

namespace skald::card::compute {

#define SKALD_INLINE [[gnu::always_inline]] inline
#define SKALD_INLINE_LAMBDA __attribute__((always_inline))

struct Avx2Vec {
    static constexpr int kTiles = 1;
    static constexpr int kDepth = 1;
    static constexpr int kColumns = 4;

    __m256 lo, hi;

    // All ones in the lanes below n (n may be negative or above 8).
    SKALD_INLINE static __m256i first(int n) {
        return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    }
    SKALD_INLINE static Avx2Vec set(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
    SKALD_INLINE static Avx2Vec load(const float* p) {
        return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
    }
    SKALD_INLINE static Avx2Vec load(const float* p, unsigned n) {
        const int count = static_cast<int>(n);
        return {_mm256_maskload_ps(p, first(count)), _mm256_maskload_ps(p + 8, first(count - 8))};
    }
    SKALD_INLINE static Avx2Vec load_half(const std::uint16_t* p) {
        return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
                _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
    }
    SKALD_INLINE static Avx2Vec load_half(const std::uint16_t* p, unsigned n) {
        if (n == 8)  // narrow heads
            return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
                    _mm256_setzero_ps()};
        alignas(32) std::uint16_t copy[16] = {};
        for (unsigned i = 0; i < n; ++i)
            copy[i] = p[i];
        return load_half(copy);
    }
    SKALD_INLINE void store(float* p) const {
        _mm256_storeu_ps(p, lo);
        _mm256_storeu_ps(p + 8, hi);
    }
    SKALD_INLINE void store(float* p, unsigned n) const {
        const int count = static_cast<int>(n);
        _mm256_maskstore_ps(p, first(count), lo);
        _mm256_maskstore_ps(p + 8, first(count - 8), hi);
    }
    SKALD_INLINE void store_half(std::uint16_t* p, unsigned n) const {
        alignas(32) std::uint16_t copy[16];
        _mm_store_si128(reinterpret_cast<__m128i*>(copy),
                        _mm256_cvtps_ph(lo, _MM_FROUND_TO_NEAREST_INT));
        _mm_store_si128(reinterpret_cast<__m128i*>(copy + 8),
                        _mm256_cvtps_ph(hi, _MM_FROUND_TO_NEAREST_INT));
        for (unsigned i = 0; i < n; ++i)
            p[i] = copy[i];
    }

    SKALD_INLINE friend Avx2Vec operator+(Avx2Vec a, Avx2Vec b) {
        return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
    }
    SKALD_INLINE friend Avx2Vec operator-(Avx2Vec a, Avx2Vec b) {
        return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
    }
    SKALD_INLINE friend Avx2Vec operator*(Avx2Vec a, Avx2Vec b) {
        return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
    }
    SKALD_INLINE friend Avx2Vec operator/(Avx2Vec a, Avx2Vec b) {
        return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
    }
    SKALD_INLINE static Avx2Vec fma(Avx2Vec a, Avx2Vec b, Avx2Vec c) {
        return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
    }
    SKALD_INLINE static Avx2Vec max(Avx2Vec a, Avx2Vec b) {
        return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
    }
    SKALD_INLINE static Avx2Vec min(Avx2Vec a, Avx2Vec b) {
        return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)};
    }
    SKALD_INLINE static __m256 max_number(__m256 a, __m256 b) {
        __m256 v = _mm256_max_ps(a, b);  // b if either is NaN
        v = _mm256_blendv_ps(v, _mm256_and_ps(a, b), _mm256_cmp_ps(a, b, _CMP_EQ_OQ));
        return _mm256_blendv_ps(v, a, _mm256_cmp_ps(b, b, _CMP_UNORD_Q));
    }
    SKALD_INLINE static Avx2Vec max_number(Avx2Vec a, Avx2Vec b) {
        return {max_number(a.lo, b.lo), max_number(a.hi, b.hi)};
    }
    SKALD_INLINE static Avx2Vec abs(Avx2Vec a) {
        const __m256 mask = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
        return {_mm256_and_ps(a.lo, mask), _mm256_and_ps(a.hi, mask)};
    }
    SKALD_INLINE static Avx2Vec with_sign(Avx2Vec magnitude, Avx2Vec x) {
        const __m256 sign = _mm256_set1_ps(-0.0f);
        return {_mm256_or_ps(magnitude.lo, _mm256_and_ps(x.lo, sign)),
                _mm256_or_ps(magnitude.hi, _mm256_and_ps(x.hi, sign))};
    }
    SKALD_INLINE static Avx2Vec select_less(Avx2Vec a, Avx2Vec b, Avx2Vec x, Avx2Vec y) {
        return {_mm256_blendv_ps(y.lo, x.lo, _mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ)),
                _mm256_blendv_ps(y.hi, x.hi, _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ))};
    }
    SKALD_INLINE static Avx2Vec select_first(unsigned n, Avx2Vec x, Avx2Vec y) {
        const int count = static_cast<int>(n);
        return {_mm256_blendv_ps(y.lo, x.lo, _mm256_castsi256_ps(first(count))),
                _mm256_blendv_ps(y.hi, x.hi, _mm256_castsi256_ps(first(count - 8)))};
    }
    SKALD_INLINE static Avx2Vec swap_fours(Avx2Vec x) {
        return {_mm256_permute2f128_ps(x.lo, x.lo, 1), _mm256_permute2f128_ps(x.hi, x.hi, 1)};
    }
    SKALD_INLINE static Avx2Vec keep_nan(Avx2Vec x, Avx2Vec y) {
        const __m256 nan = _mm256_castsi256_ps(_mm256_set1_epi32(kCanonicalNan));
        return {_mm256_blendv_ps(y.lo, nan, _mm256_cmp_ps(x.lo, x.lo, _CMP_UNORD_Q)),
                _mm256_blendv_ps(y.hi, nan, _mm256_cmp_ps(x.hi, x.hi, _CMP_UNORD_Q))};
    }
    SKALD_INLINE static Avx2Vec canonical(Avx2Vec x) { return keep_nan(x, x); }
    SKALD_INLINE static __m256 add_exponent(__m256 p, __m256 t) {
        const __m256i n = _mm256_slli_epi32(_mm256_castps_si256(t), 23);
        return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), n));
    }
    SKALD_INLINE static Avx2Vec add_exponent(Avx2Vec p, Avx2Vec t) {
        return {add_exponent(p.lo, t.lo), add_exponent(p.hi, t.hi)};
    }
    SKALD_INLINE static bool all_finite(Avx2Vec x) {
        const __m256i exponent = _mm256_set1_epi32(0x7f800000);
        const __m256i lo = _mm256_and_si256(_mm256_castps_si256(x.lo), exponent);
        const __m256i hi = _mm256_and_si256(_mm256_castps_si256(x.hi), exponent);
        const __m256i bad =
            _mm256_or_si256(_mm256_cmpeq_epi32(lo, exponent), _mm256_cmpeq_epi32(hi, exponent));
        return _mm256_testz_si256(bad, bad) != 0;
    }
    SKALD_INLINE static bool any_above(Avx2Vec x, float limit) {
        const __m256 bound = _mm256_set1_ps(limit);
        const __m256 above = _mm256_or_ps(_mm256_cmp_ps(x.lo, bound, _CMP_GT_OQ),
                                          _mm256_cmp_ps(x.hi, bound, _CMP_GT_OQ));
        return _mm256_movemask_ps(above) != 0;
    }
    SKALD_INLINE static void store_i8(Avx2Vec x, std::int8_t* p) {
        // cvtps rounds by MXCSR, which every engine thread sets to nearest even.
        const __m256i lo = _mm256_cvtps_epi32(x.lo);
        const __m256i hi = _mm256_cvtps_epi32(x.hi);
        const __m128i a =
            _mm_packs_epi32(_mm256_castsi256_si128(lo), _mm256_extracti128_si256(lo, 1));
        const __m128i b =
            _mm_packs_epi32(_mm256_castsi256_si128(hi), _mm256_extracti128_si256(hi, 1));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(a, b));
    }
    SKALD_INLINE static std::int32_t sum32(const std::int8_t* p) { return avx2_sum32(p); }
    SKALD_INLINE static float largest(Avx2Vec x) { return avx2_largest(_mm256_max_ps(x.lo, x.hi)); }
    SKALD_INLINE static Avx2Vec rounded(Avx2Vec x) {
        constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        return {_mm256_round_ps(x.lo, kNearest), _mm256_round_ps(x.hi, kNearest)};
    }
    SKALD_INLINE void store_integers(std::int32_t* p, unsigned n) const {
        const int count = static_cast<int>(n);
        _mm256_maskstore_epi32(p, first(count), _mm256_cvtps_epi32(lo));
        _mm256_maskstore_epi32(p + 8, first(count - 8), _mm256_cvtps_epi32(hi));
    }
    SKALD_INLINE static __m256 max_magnitude(__m256 a, __m256 b) {
        return _mm256_castsi256_ps(
            _mm256_max_epi32(_mm256_castps_si256(a), _mm256_castps_si256(b)));
    }
    SKALD_INLINE static Avx2Vec max_magnitude(Avx2Vec a, Avx2Vec b) {
        return {max_magnitude(a.lo, b.lo), max_magnitude(a.hi, b.hi)};
    }
    SKALD_INLINE static Avx2Vec largest_magnitude_of_each(const Avx2Vec (&v)[16]) {
        return across(v,
                      [](__m256 a, __m256 b) SKALD_INLINE_LAMBDA { return max_magnitude(a, b); });
    }
    SKALD_INLINE static Avx2Vec largest_of_each(const Avx2Vec (&v)[16]) {
        return across(v,
                      [](__m256 a, __m256 b) SKALD_INLINE_LAMBDA { return _mm256_max_ps(a, b); });
    }
    SKALD_INLINE static Avx2Vec tree_sum_of_each(const Avx2Vec (&v)[16]) {
        return across(v,
                      [](__m256 a, __m256 b) SKALD_INLINE_LAMBDA { return _mm256_add_ps(a, b); });
    }
    // Lane i: the tree 8-4-2-1 of f over the lanes of v[i].
    template <class F>
    SKALD_INLINE static Avx2Vec across(const Avx2Vec (&v)[16], F f) {
        return {across_eight(v, f), across_eight(v + 8, f)};
    }
    // Of eight vectors. Each step halves what is left of every one and puts two halves side by
    // side.
    template <class F>
    SKALD_INLINE static __m256 across_eight(const Avx2Vec* v, F f) {
        __m256 two[2];  // of four vectors each
        for (int i = 0; i < 2; ++i) {
            __m256d four[2];  // a lane block of each of two
            for (int j = 0; j < 2; ++j) {
                const Avx2Vec& first = v[4 * i + 2 * j];
                const Avx2Vec& second = v[4 * i + 2 * j + 1];
                const __m256 a = f(first.lo, first.hi);
                const __m256 b = f(second.lo, second.hi);
                four[j] = _mm256_castps_pd(
                    f(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31)));
            }
            two[i] = f(_mm256_castpd_ps(_mm256_unpacklo_pd(four[0], four[1])),
                       _mm256_castpd_ps(_mm256_unpackhi_pd(four[0], four[1])));
        }
        const __m256 one = f(_mm256_shuffle_ps(two[0], two[1], _MM_SHUFFLE(2, 0, 2, 0)),
                             _mm256_shuffle_ps(two[0], two[1], _MM_SHUFFLE(3, 1, 3, 1)));
        // Lanes 0, 4, 1, 5, ...
        return _mm256_permutevar8x32_ps(one, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    }
    SKALD_INLINE static Avx2Vec load_i8(const std::int8_t* p) {
        const auto eight = [p](int i) SKALD_INLINE_LAMBDA {
            return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + i));
        };
        return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight(0))),
                _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight(8)))};
    }
    SKALD_INLINE static Avx2Vec load_i8(const std::int8_t* p, unsigned n) {
        alignas(16) std::int8_t copy[16] = {};
        for (unsigned i = 0; i < n; ++i)
            copy[i] = p[i];
        return load_i8(copy);
    }
};

#undef SKALD_INLINE
#undef SKALD_INLINE_LAMBDA

}  // namespace skald::card::compute
