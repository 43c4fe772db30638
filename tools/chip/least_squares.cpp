// SPDX-License-Identifier: MIT
#include "chip/least_squares.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace skald::chip {
namespace {

constexpr std::size_t kMostRounds = 30;
constexpr double kStep = 1e-3;     // of a difference
constexpr double kSettled = 1e-5;  // a step that is shorter is the last
constexpr double kMostDamping = 1e8;

double squares(const Vector& r) {
    double sum = 0;
    for (const double value : r)
        sum += value * value;
    return sum;
}

// a x = b, a symmetric and positive: Gauss, with pivots.
Vector solve(std::vector<Vector> a, Vector b) {
    const std::size_t n = b.size();
    for (std::size_t i = 0; i < n; ++i) {
        std::size_t pivot = i;
        for (std::size_t j = i + 1; j < n; ++j)
            if (std::abs(a[j][i]) > std::abs(a[pivot][i]))
                pivot = j;
        std::swap(a[i], a[pivot]);
        std::swap(b[i], b[pivot]);
        for (std::size_t j = i + 1; j < n; ++j) {
            const double factor = a[i][i] == 0 ? 0 : a[j][i] / a[i][i];
            for (std::size_t k = i; k < n; ++k)
                a[j][k] -= factor * a[i][k];
            b[j] -= factor * b[i];
        }
    }
    for (std::size_t i = n; i-- != 0;) {
        for (std::size_t k = i + 1; k < n; ++k)
            b[i] -= a[i][k] * b[k];
        b[i] = a[i][i] == 0 ? 0 : b[i] / a[i][i];
    }
    return b;
}

class Search {
  public:
    Search(const Residuals& residuals, Vector start, const std::vector<Bounds>& bounds)
        : residuals_(residuals), bounds_(bounds), x_(std::move(start)) {
        clamp(x_);
    }

    Solution run() {
        look_around();
        double damping = 1e-3;
        std::size_t round = 0;
        while (round < kMostRounds && damping < kMostDamping) {
            ++round;
            const Vector next = step(damping);
            const double moved = distance(next);
            const Vector there = residuals_({next}).front();
            if (squares(there) > squares(r_)) {
                damping *= 10;
                continue;
            }
            x_ = next;
            look_around();
            damping = std::max(damping / 10, 1e-9);
            if (moved < kSettled)
                break;
        }
        return {x_, r_, jacobian_, round};
    }

  private:
    void clamp(Vector& x) const {
        for (std::size_t i = 0; i < x.size(); ++i)
            x[i] = std::clamp(x[i], bounds_[i].least, bounds_[i].most);
    }

    [[nodiscard]] double distance(const Vector& to) const {
        double most = 0;
        for (std::size_t i = 0; i < x_.size(); ++i)
            most = std::max(most, std::abs(to[i] - x_[i]));
        return most;
    }

    // Residuals here, and their derivatives; inwards where a bound is near.
    void look_around() {
        std::vector<Vector> points = {x_};
        Vector widths;
        for (std::size_t i = 0; i < x_.size(); ++i) {
            Vector beside = x_;
            const double width = beside[i] + kStep > bounds_[i].most ? -kStep : kStep;
            beside[i] += width;
            widths.push_back(width);
            points.push_back(std::move(beside));
        }
        const std::vector<Vector> values = residuals_(points);
        r_ = values.front();
        jacobian_.assign(r_.size(), Vector(x_.size()));
        for (std::size_t i = 0; i < x_.size(); ++i)
            for (std::size_t j = 0; j < r_.size(); ++j)
                jacobian_[j][i] = (values[i + 1][j] - r_[j]) / widths[i];
    }

    [[nodiscard]] Vector step(double damping) const {
        const std::size_t n = x_.size();
        std::vector<Vector> a(n, Vector(n));
        Vector b(n);
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t j = 0; j < r_.size(); ++j) {
                b[i] -= jacobian_[j][i] * r_[j];
                for (std::size_t k = 0; k < n; ++k)
                    a[i][k] += jacobian_[j][i] * jacobian_[j][k];
            }
            a[i][i] += damping * std::max(a[i][i], 1e-12);
        }
        Vector next = x_;
        const Vector by = solve(std::move(a), std::move(b));
        for (std::size_t i = 0; i < n; ++i)
            next[i] += by[i];
        clamp(next);
        return next;
    }

    const Residuals& residuals_;
    const std::vector<Bounds>& bounds_;
    Vector x_, r_;
    std::vector<Vector> jacobian_;
};

}  // namespace

Solution least_squares(const Residuals& residuals, Vector start,
                       const std::vector<Bounds>& bounds) {
    return Search(residuals, std::move(start), bounds).run();
}

}  // namespace skald::chip
