// SPDX-License-Identifier: MIT
// The elementary functions beside their true values: how far they are apart, over all floats or
// some.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "card/compute/kernels.hpp"
#include "card/compute/math.hpp"
#include "card/compute/vec16_scalar.hpp"

namespace skald::card::compute {

struct Function {
    const char* name;
    void (*f)(const float* x, float* y, std::uint32_t n);
    double (*truth)(double x);
    float low, high;  // where the bounds hold
    // In units in the last place, as uapi/doc/isa.md states them: the largest error, and by how
    // much a result may be below that of a smaller x.
    double error, fall;
    bool of_x = false;  // units of x, not of the result
};

inline void PrintTo(const Function& function, std::ostream* out) {  // GoogleTest's name for it
    *out << function.name;
}

// By this processor's best path; kernels_test and compute_ulps compare the paths.
inline const Kernels& best() {
    static std::string error;
    static const Kernels& kernels = *find_kernels(std::nullopt, error);
    return kernels;
}
template <isa::Activation kFunction>
void activated(const float* x, float* y, std::uint32_t n) {
    best().activate[static_cast<std::size_t>(kFunction)](x, {}, y, n);
}
inline void exponential(const float* x, float* y, std::uint32_t n) {
    alignas(64) float lanes[16] = {};
    best().exp_sum(x, 0.0f, y, n, lanes);
}
inline void error_function(const float* x, float* y, std::uint32_t n) {
    for (std::uint32_t i = 0; i < n; i += 16)
        erf(ScalarVec::load(x + i, std::min(16u, n - i))).store(y + i, std::min(16u, n - i));
}

inline constexpr float kFinite = std::numeric_limits<float>::max();
inline constexpr double kAnyFall = std::numeric_limits<double>::infinity();
inline constexpr double kGeluScale = 0.7978845608028654;  // sqrt(2 / pi)
inline constexpr Function kFunctions[] = {
    {"exp", exponential, [](double x) { return std::exp(x); }, kExpLow, kExpHigh, 0.97, 1},
    {"sigmoid", activated<isa::Activation::Sigmoid>,
     [](double x) { return 1 / (1 + std::exp(-x)); }, -87.33f, kFinite, 2.49, 1},
    {"tanh", activated<isa::Activation::Tanh>, [](double x) { return std::tanh(x); }, -kFinite,
     kFinite, 1.38, 0},
    {"erf", error_function, [](double x) { return std::erf(x); }, -kFinite, kFinite, 1.11, 0},
    {"silu", activated<isa::Activation::Silu>, [](double x) { return x / (1 + std::exp(-x)); },
     -88.37626f, kFinite, 2.4, kAnyFall},
    {"gelu_tanh", activated<isa::Activation::GeluTanh>,
     [](double x) { return x / (1 + std::exp(-2 * kGeluScale * (x + 0.044715 * x * x * x))); },
     -kFinite, kFinite, 1.63, kAnyFall, true},
    {"gelu_erf", activated<isa::Activation::GeluErf>,
     [](double x) { return 0.5 * x * std::erfc(-x * std::sqrt(0.5)); }, -kFinite, kFinite, 1.44,
     kAnyFall, true},
};

inline double ulp_of(double x) {
    const float nearest = std::fabs(static_cast<float>(x));
    return std::nextafter(nearest, std::numeric_limits<float>::infinity()) - nearest;
}

struct Worst {
    double error = 0;  // in units in the last place
    float at = 0;
    double fall = 0;  // from a result to that of the next larger x
};

// Over every stride'th float of the range, negative ones first.
inline Worst measure(const Function& function, std::uint32_t stride) {
    Worst worst;
    float last = -std::numeric_limits<float>::infinity();
    std::vector<float> x;
    std::vector<float> y(kPiece);
    const auto look = [&] {
        function.f(x.data(), y.data(), static_cast<std::uint32_t>(x.size()));
        for (std::size_t i = 0; i < x.size(); ++i) {
            const auto exact = static_cast<double>(x[i]);
            const double truth = function.truth(exact);
            const double unit = ulp_of(function.of_x ? exact : truth);
            const double error = std::fabs(static_cast<double>(y[i]) - truth) / unit;
            if (!(error <= worst.error)) {
                worst.error = error;
                worst.at = x[i];
            }
            worst.fall = std::max(worst.fall, (static_cast<double>(last) - y[i]) / unit);
            last = y[i];
        }
        x.clear();
    };
    const auto add = [&](std::uint32_t bits) {
        x.push_back(std::bit_cast<float>(bits));
        if (x.size() == kPiece)
            look();
    };
    const auto bits = [](float v) { return std::bit_cast<std::uint32_t>(v); };
    if (function.low < 0)
        for (std::int64_t b = bits(function.low); b >= 0x80000000; b -= stride)
            add(static_cast<std::uint32_t>(b));
    for (std::uint64_t b = 0; b <= bits(function.high); b += stride)
        add(static_cast<std::uint32_t>(b));
    look();
    return worst;
}

}  // namespace skald::card::compute
