// SPDX-License-Identifier: MIT
// Rotary frequencies and the ways checkpoints stretch them over a longer context.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/spec.hpp"

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

// f32 [positions][2 * frequencies]: cosines, then sines (ROPE's table operand). Of a table with
// long frequencies those follow, as long again.
std::vector<float> rope_table(const RotaryTable& table, std::uint32_t positions);

// YaRN (arXiv 2309.00071): pairs that turn more than beta_fast times in the original context are
// kept, those of less than beta_slow turns are stretched by `factor`, between them it is blended.
struct YarnScaling {
    double factor, original_context, beta_fast = 32, beta_slow = 1;
    bool truncate = true;  // the bounds of the blend are whole numbers of pairs
};
void scale_yarn(std::span<double> frequencies, double theta, const YarnScaling& scaling);

// What YaRN multiplies cosines and sines with.
double yarn_amplitude(double factor, double mscale = 1);

}  // namespace skald::compiler
