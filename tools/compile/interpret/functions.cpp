// SPDX-License-Identifier: MIT
// The functions are named and defined in uapi/doc/isa.md, "Activations".
#include "interpret/functions.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "error.hpp"

namespace skald::compiler::interpret {
namespace {

double sigmoid(double x) {
    return 1 / (1 + std::exp(-x));
}

double gelu_tanh(double x) {
    constexpr double kCubic = 0.044715;
    const double inner = std::sqrt(2 / std::numbers::pi) * (x + kCubic * x * x * x);
    return 0.5 * x * (1 + std::tanh(inner));
}

double value_of(const ir::FunctionAttributes& f, double x) {
    using enum isa::Activation;
    switch (f.activation) {
        case Silu:
            return x / (1 + std::exp(-x));
        case GeluTanh:
            return gelu_tanh(x);
        case GeluErf:
            return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2));
        case Relu:
            return x < 0 ? 0 : x;
        case Relu2:
            return x < 0 ? 0 : x * x;
        case Sigmoid:
            return sigmoid(x);
        case Tanh:
            return std::tanh(x);
        case SoftCap:
            return f.first * std::tanh(x / f.first);
        case Clamp:
            return x < f.first ? f.first : x > f.second ? f.second : x;
        case Scale:
            return x * f.first;
        case SwigluClamped:
            break;
    }
    fail("internal error: activation {} needs a gate", static_cast<unsigned>(f.activation));
}

}  // namespace

float activate(const ir::FunctionAttributes& f, float x) {
    return static_cast<float>(value_of(f, x));
}

float gated(const ir::FunctionAttributes& f, float gate, float up) {
    if (f.activation != isa::Activation::SwigluClamped)
        return activate(f, gate) * up;
    const double alpha = f.first, limit = f.second;
    const double g = std::min(double{gate}, limit);
    const double u = std::clamp(double{up}, -limit, limit);
    return static_cast<float>((u + 1) * (g * sigmoid(alpha * g)));
}

}  // namespace skald::compiler::interpret
