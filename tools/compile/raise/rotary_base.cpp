// SPDX-License-Identifier: MIT
#include "raise/rotary_base.hpp"

#include <cmath>

#include "model/rope.hpp"

namespace skald::compiler::raising {

std::vector<double> with_a_base(const std::vector<double>& f) {
    // A few units in the last place: libraries' powers differ.
    constexpr double kTolerance = 5e-7;
    if (f.size() < 2)
        return f;
    const auto n = static_cast<double>(f.size());
    const double last = std::pow(f.back(), -n / (n - 1));
    for (const double unit : {1000.0, 100.0, 10.0, 1.0}) {
        const double base = std::round(last / unit) * unit;
        if (!(base >= 2) || std::abs(base / last - 1) > 1e-4)
            continue;
        const std::vector<double> exact =
            rope_frequencies(base, static_cast<std::uint32_t>(2 * f.size()));
        bool same = true;
        for (std::size_t i = 0; i < f.size(); ++i)
            same = same && std::abs(exact[i] - f[i]) <= kTolerance * exact[i];
        if (same)
            return exact;
    }
    return f;
}

}  // namespace skald::compiler::raising
