// SPDX-License-Identifier: MIT
// Least squares of a function that is only known by what it gives: Levenberg and Marquardt, with
// differences for derivatives. Deterministic.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace skald::chip {

using Vector = std::vector<double>;

struct Bounds {
    double least = 0, most = 0;
};

struct Solution {
    Vector x;
    Vector residuals;
    std::vector<Vector> jacobian;  // by residual, at x
    std::size_t rounds = 0;
};

// Residuals at several points at once, so that they can be found side by side.
using Residuals = std::function<std::vector<Vector>(const std::vector<Vector>& points)>;

[[nodiscard]] Solution least_squares(const Residuals& residuals, Vector start,
                                     const std::vector<Bounds>& bounds);

}  // namespace skald::chip
