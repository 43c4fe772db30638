// SPDX-License-Identifier: MIT
// Scales as they are stored. IEEE binary16 in integer arithmetic: what the F16C instructions
// compute, for the scalar path; and bare exponents.
#pragma once

#include <bit>
#include <cstdint>

namespace skald::card::compute {

// Exact; a signalling NaN becomes quiet.
constexpr float half_to_float(std::uint16_t h) {
    const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000u) << 16;
    const std::uint32_t exponent = h >> 10 & 0x1fu;
    const std::uint32_t mantissa = h & 0x3ffu;
    if (exponent == 31) {
        const std::uint32_t quiet = mantissa != 0 ? 0x400000u : 0u;
        return std::bit_cast<float>(sign | 0x7f800000u | quiet | mantissa << 13);
    }
    if (exponent != 0)
        return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
    // Subnormal: mantissa * 2^-24, both factors and the product exact in f32.
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
}

// Round to nearest even; too large becomes infinity, NaN stays NaN.
constexpr std::uint16_t float_to_half(float f) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(f);
    const std::uint32_t sign = bits >> 16 & 0x8000u;
    const std::uint32_t magnitude = bits & 0x7fffffffu;
    std::uint32_t half = 0;
    if (magnitude > 0x7f800000u) {
        half = 0x7e00u | (magnitude >> 13 & 0x3ffu);
    } else if (magnitude >= 0x477ff000u) {  // 65520 and up round to infinity
        half = 0x7c00u;
    } else if (magnitude >= 0x38800000u) {  // normal
        half = (magnitude + 0xfffu + (magnitude >> 13 & 1u) - 0x38000000u) >> 13;
    } else {
        // Subnormal: adding 0.5 leaves the rounded multiple of 2^-24 in the low mantissa bits.
        const float rounded = std::bit_cast<float>(magnitude) + 0.5f;
        half = std::bit_cast<std::uint32_t>(rounded) - 0x3f000000u;
    }
    return static_cast<std::uint16_t>(sign | half);
}

// 2^(exponent - 128), twice which is a normal number or 2^-127. 255 becomes infinity, so that no
// sum it takes part in is finite.
constexpr float exponent_to_float(std::uint8_t exponent) {
    const std::uint32_t bits = std::uint32_t{exponent} << 23;
    return std::bit_cast<float>(bits != 0 ? bits : 0x400000u) * 0.5f;
}

}  // namespace skald::card::compute
