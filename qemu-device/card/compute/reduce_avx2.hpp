// SPDX-License-Identifier: MIT
// Across the lanes of a register, for both wide paths.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace skald::card::compute {

// Of 32 bytes: psadbw adds eight unsigned bytes at a time.
[[gnu::always_inline]] inline std::int32_t avx2_sum32(const std::int8_t* p) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    const __m256i positive = _mm256_xor_si256(bytes, _mm256_set1_epi8(-128));  // + 128
    const __m256i sums = _mm256_sad_epu8(positive, _mm256_setzero_si256());
    const __m128i two =
        _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    return _mm_cvtsi128_si32(_mm_add_epi64(two, _mm_unpackhi_epi64(two, two))) - 32 * 128;
}

// Of lanes that are no NaN.
[[gnu::always_inline]] inline float avx2_largest(__m256 x) {
    __m128 v = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    v = _mm_max_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_max_ss(v, _mm_movehdup_ps(v)));
}

}  // namespace skald::card::compute
