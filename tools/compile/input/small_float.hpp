// SPDX-License-Identifier: MIT
// Floats of 8 bits and less, exactly as f32: E4M3 (4 bits of exponent, no infinity), E5M2 (f16's
// upper byte), E2M1 in halves, and E8M0, a power of two.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <limits>

#include "input/half.hpp"

namespace skald::compiler {

constexpr float e4m3_to_f32(std::uint8_t code) {
    const unsigned exponent = code >> 3 & 15u, fraction = code & 7u;
    float size = 0;
    if (exponent == 15 && fraction == 7)
        size = std::numeric_limits<float>::quiet_NaN();
    else if (exponent == 0)
        size = static_cast<float>(fraction) * 0x1p-9f;
    else
        size = std::bit_cast<float>((exponent + 120) << 23 | fraction << 20);
    return code & 0x80u ? -size : size;
}

inline float e5m2_to_f32(std::uint8_t code) {
    return f16_to_f32(static_cast<std::uint16_t>(code << 8));
}

// Twice what the codes stand for: all are whole numbers.
inline constexpr std::array<std::int8_t, 16> kE2M1Halves = {0, 1,  2,  3,  4,  6,  8,  12,
                                                            0, -1, -2, -3, -4, -6, -8, -12};

// 2^(code - 127) / 2, the unit of E2M1's halves: subnormal for the codes 0 and 1, NaN for 255.
constexpr float e8m0_half_to_f32(std::uint8_t code) {
    if (code == 255)
        return std::numeric_limits<float>::quiet_NaN();
    return std::bit_cast<float>(code < 2 ? 0x00200000u << code : (code - 1u) << 23);
}

}  // namespace skald::compiler
