// SPDX-License-Identifier: MIT
// Figures of repeated measurements.
#pragma once

#include <span>

namespace skald::bench {

// All of them 0 where there are no samples.
[[nodiscard]] double mean(std::span<const double> samples);
// Of a sample (n - 1), as llama-bench has it; 0 for fewer than two.
[[nodiscard]] double deviation(std::span<const double> samples);
// The value below which `part` (0..1) of the samples lie, by the nearest rank.
[[nodiscard]] double quantile(std::span<const double> samples, double part);

}  // namespace skald::bench
