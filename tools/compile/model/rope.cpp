// SPDX-License-Identifier: MIT
#include "model/rope.hpp"

#include <cmath>
#include <numbers>

namespace skald::compiler {

std::vector<double> rope_frequencies(double theta, std::uint32_t dim) {
    std::vector<double> f(dim / 2);
    for (std::size_t i = 0; i < f.size(); ++i)
        f[i] = std::pow(theta, -2.0 * static_cast<double>(i) / dim);
    return f;
}

void scale_linear(std::span<double> frequencies, double factor) {
    for (double& f : frequencies)
        f /= factor;
}

void scale_llama3(std::span<double> frequencies, const Llama3Scaling& s) {
    for (double& f : frequencies) {
        const double wave = 2 * std::numbers::pi / f;
        const double turns = s.original_context / wave;
        if (turns < s.low_factor) {
            f /= s.factor;
        } else if (turns <= s.high_factor) {
            const double keep = (turns - s.low_factor) / (s.high_factor - s.low_factor);
            f = (1 - keep) * f / s.factor + keep * f;
        }
    }
}

void scale_by_factors(std::span<double> frequencies, std::span<const float> factors) {
    for (std::size_t i = 0; i < frequencies.size(); ++i)
        frequencies[i] /= factors[i];
}

std::vector<float> rope_table(std::span<const double> frequencies, std::uint32_t positions) {
    const std::size_t half = frequencies.size();
    std::vector<float> table(std::size_t{positions} * 2 * half);
    for (std::uint32_t p = 0; p < positions; ++p) {
        float* row = table.data() + std::size_t{p} * 2 * half;
        for (std::size_t i = 0; i < half; ++i) {
            const double angle = p * frequencies[i];
            row[i] = static_cast<float>(std::cos(angle));
            row[half + i] = static_cast<float>(std::sin(angle));
        }
    }
    return table;
}

}  // namespace skald::compiler
