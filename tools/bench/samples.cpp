// SPDX-License-Identifier: MIT
#include "bench/samples.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace skald::bench {

double mean(std::span<const double> samples) {
    if (samples.empty())
        return 0;
    return std::accumulate(samples.begin(), samples.end(), 0.0) /
           static_cast<double>(samples.size());
}

double deviation(std::span<const double> samples) {
    if (samples.size() < 2)
        return 0;
    const double middle = mean(samples);
    double squares = 0;
    for (const double sample : samples)
        squares += (sample - middle) * (sample - middle);
    return std::sqrt(squares / static_cast<double>(samples.size() - 1));
}

double quantile(std::span<const double> samples, double part) {
    if (samples.empty())
        return 0;
    std::vector<double> sorted(samples.begin(), samples.end());
    const double rank = std::ceil(part * static_cast<double>(sorted.size()));
    const auto index =
        static_cast<std::size_t>(std::clamp(rank - 1, 0.0, static_cast<double>(sorted.size() - 1)));
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(index),
                     sorted.end());
    return sorted[index];
}

}  // namespace skald::bench
