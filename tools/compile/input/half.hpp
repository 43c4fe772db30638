// SPDX-License-Identifier: MIT
// Conversions between f32 and the 16-bit floats, in portable integer arithmetic: the compiled bytes
// must not depend on the host.
#pragma once

#include <bit>
#include <cstdint>

namespace skald::compiler {

inline float bf16_to_f32(std::uint16_t h) {
    return std::bit_cast<float>(std::uint32_t{h} << 16);
}

inline float f16_to_f32(std::uint16_t h) {
    const std::uint32_t sign = std::uint32_t{h & 0x8000u} << 16;
    const std::uint32_t exponent = (h >> 10) & 0x1F;
    const std::uint32_t fraction = h & 0x3FF;
    if (exponent == 0) {  // zero and denormals: fraction * 2^-24
        const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
        return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
    }
    const std::uint32_t wide = exponent == 31 ? 0xFFu : exponent + 112;
    return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

// Round to nearest even; too large becomes infinity, NaN stays NaN.
inline std::uint16_t f32_to_f16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
    const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
    if (magnitude > 0x7F800000u)
        return sign | 0x7E00;
    if (magnitude >= 0x477FF000u)  // 65520 and above round to infinity
        return sign | 0x7C00;
    if (magnitude <
        0x38800000u) {  // below 2^-14: a multiple of 2^-24, rounded by adding 2^-24 * 2^23 = 0.5
        const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
        return sign |
               static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(shifted) - 0x3F000000u);
    }
    const std::uint32_t odd = (magnitude >> 13) & 1;
    return sign | static_cast<std::uint16_t>((magnitude + 0xFFF + odd - 0x38000000u) >> 13);
}

}  // namespace skald::compiler
