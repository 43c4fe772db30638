// SPDX-License-Identifier: MIT
// Numbers to small integers with a scale: the search for the scale (and minimum) that lose least.
//
// Error is the sum of importance * (weight - stored)^2. The importance is the energy: the mean
// square of what a weight is multiplied with (calibrate/). Where that is not known, or 0 for a
// whole block, a weight counts the more the larger it is, because large weights carry more of a
// product; both were chosen by measuring (tests/bench/figures.md).
#pragma once

#include <cstdint>
#include <span>

namespace skald::compiler {

inline constexpr std::size_t kMaxQuantBlock = 128;  // weights that share an f16 scale

// f16 bits. `scale` is infinite (kBadScale) if a weight is not finite or f16 cannot hold the scale.
struct BlockScale {
    std::uint16_t scale = 0, minimum = 0;
};
inline constexpr std::uint16_t kBadScale = 0x7C00;

// The card's numbers of `bits` (4 or 8), see isa::kWeights: stored = scale * (u - 2^(bits-1)), of
// 8 bits without the -128. u.size() == weights.size() <= kMaxQuantBlock.
BlockScale quantise_symmetric(std::span<const float> weights, unsigned bits,
                              std::span<std::uint8_t> u, std::span<const float> energy = {});
// stored = scale * u + minimum.
BlockScale quantise_affine(std::span<const float> weights, unsigned bits, std::span<std::uint8_t> u,
                           std::span<const float> energy = {});

// To isa::kNumbersE2M1, stored = 2^(exponent - 128) * (u - 12); u.size() == weights.size() <= 32.
// The exponent, or isa::kBadExponent if a weight is not finite.
std::uint8_t quantise_e2m1(std::span<const float> weights, std::span<std::uint8_t> u,
                           std::span<const float> energy = {});

// Any number of weights to scale * (u - 1) with u 0 or 2, the scale of least squared error.
// Infinite if a weight is not finite.
float quantise_signs(std::span<const float> weights, std::span<std::uint8_t> u);

// Any number of weights to scale * (u - 1) with u in 0..2: the threshold and scale of least squared
// error, up to the resolution of a histogram. Infinite if a weight is not finite.
float quantise_ternary(std::span<const float> weights, std::span<std::uint8_t> u);

}  // namespace skald::compiler
