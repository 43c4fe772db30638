// SPDX-License-Identifier: MIT
#include "chip/least_squares.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace skald::chip {
namespace {

// What takes a time for each byte and one for each step, as logarithms of what was measured.
Residuals line_through(const std::vector<double>& bytes, const std::vector<double>& times) {
    return [=](const std::vector<Vector>& points) {
        std::vector<Vector> all;
        for (const Vector& x : points) {
            Vector r;
            for (std::size_t i = 0; i < bytes.size(); ++i)
                r.push_back(std::log((bytes[i] * std::exp(x[0]) + std::exp(x[1])) / times[i]));
            all.push_back(r);
        }
        return all;
    };
}

TEST(LeastSquares, FindsWhatMadeTheFigures) {
    const std::vector<double> bytes = {1, 2, 5, 20};
    std::vector<double> times;
    for (const double b : bytes)
        times.push_back(b * 0.7 + 3);
    const Solution found = least_squares(line_through(bytes, times), {0, 0}, {{-5, 5}, {-5, 5}});
    EXPECT_NEAR(std::exp(found.x[0]), 0.7, 1e-4);
    EXPECT_NEAR(std::exp(found.x[1]), 3, 1e-3);
    for (const double r : found.residuals)
        EXPECT_NEAR(r, 0, 1e-4);
}

TEST(LeastSquares, DoesNotDependOnTheStart) {
    const auto rig = line_through({1, 4, 9}, {4, 5.5, 11});  // no line goes through these
    const Solution a = least_squares(rig, {0, 0}, {{-5, 5}, {-5, 5}});
    const Solution b = least_squares(rig, {-2, 2}, {{-5, 5}, {-5, 5}});
    EXPECT_NEAR(a.x[0], b.x[0], 1e-3);
    EXPECT_NEAR(a.x[1], b.x[1], 1e-3);
}

TEST(LeastSquares, StaysWithinItsBounds) {
    const Solution found =
        least_squares(line_through({1, 2}, {10, 20}), {0, 0}, {{-1, 1}, {-1, 1}});
    EXPECT_LE(found.x[0], 1);
    EXPECT_GE(found.x[1], -1);
    EXPECT_NEAR(found.x[0], 1, 1e-6);
}

TEST(LeastSquares, SaysHowEachFigureMovesEachResidual) {
    const Solution found =
        least_squares(line_through({1, 1000}, {3, 1002}), {0, 0}, {{-5, 5}, {-5, 5}});
    EXPECT_GT(found.jacobian[1][0], 0.9) << "the large one is all bytes";
    EXPECT_LT(found.jacobian[1][1], 0.1);
}

}  // namespace
}  // namespace skald::chip
