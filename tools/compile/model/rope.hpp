// SPDX-License-Identifier: MIT
// Rotary frequencies and the ways checkpoints stretch them over a longer context.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace skald::compiler {

// theta^(-2i/dim) for i in 0 .. dim/2
std::vector<double> rope_frequencies(double theta, std::uint32_t dim);

// Positions are divided by `factor`.
void scale_linear(std::span<double> frequencies, double factor);

// Llama 3: wave lengths beyond original_context / low_factor are stretched by `factor`, those below
// original_context / high_factor are kept, in between the two are blended.
struct Llama3Scaling {
    double factor, low_factor, high_factor, original_context;
};
void scale_llama3(std::span<double> frequencies, const Llama3Scaling& scaling);

// GGUF's rope_freqs tensor: each frequency is divided by its factor.
void scale_by_factors(std::span<double> frequencies, std::span<const float> factors);

// f32 [positions][2 * frequencies]: cosines, then sines (ROPE's table operand).
std::vector<float> rope_table(std::span<const double> frequencies, std::uint32_t positions);

}  // namespace skald::compiler
