// SPDX-License-Identifier: MIT
#include "model/rope.hpp"

#include <algorithm>
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

namespace {

void append(std::vector<float>& table, std::span<const double> frequencies, double amplitude,
            std::uint32_t positions) {
    const std::size_t half = frequencies.size(), begin = table.size();
    table.resize(begin + std::size_t{positions} * 2 * half);
    for (std::uint32_t p = 0; p < positions; ++p) {
        float* row = table.data() + begin + std::size_t{p} * 2 * half;
        for (std::size_t i = 0; i < half; ++i) {
            const double angle = p * frequencies[i];
            row[i] = static_cast<float>(amplitude * std::cos(angle));
            row[half + i] = static_cast<float>(amplitude * std::sin(angle));
        }
    }
}

}  // namespace

std::vector<float> rope_table(const RotaryTable& t, std::uint32_t positions) {
    std::vector<float> table;
    append(table, t.frequencies, t.amplitude, positions);
    append(table, t.long_frequencies, t.amplitude, t.long_frequencies.empty() ? 0 : positions);
    return table;
}

void scale_yarn(std::span<double> frequencies, double theta, const YarnScaling& s) {
    const double dims = 2.0 * static_cast<double>(frequencies.size());
    // The pair that turns so often in the original context.
    const auto pair_of = [&](double turns) {
        return dims * std::log(s.original_context / (turns * 2 * std::numbers::pi)) /
               (2 * std::log(theta));
    };
    double low = pair_of(s.beta_fast), high = pair_of(s.beta_slow);
    if (s.truncate) {
        low = std::floor(low);
        high = std::ceil(high);
    }
    low = std::max(low, 0.0);
    high = std::min(high, dims - 1);
    if (low == high)
        high += 0.001;
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
        const double stretch = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
        const double f = frequencies[i];
        frequencies[i] = f / s.factor * stretch + f * (1 - stretch);
    }
}

double yarn_amplitude(double factor, double mscale) {
    return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1;
}

}  // namespace skald::compiler
