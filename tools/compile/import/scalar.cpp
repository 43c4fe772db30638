// SPDX-License-Identifier: MIT
#include "import/scalar.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "error.hpp"

namespace skald::compiler::graphs {
namespace {

constexpr auto kNames = std::to_array<std::string_view>(
    {"add",     "sub",   "mul",  "div",        "floor_div", "pow",           "mod",
     "fmod",    "min",   "max",  "neg",        "abs",       "sqrt",          "rsqrt",
     "1/x",     "exp",   "log",  "sin",        "cos",       "tanh",          "sigmoid",
     "erf",     "relu",  "silu", "gelu_erf",   "gelu_tanh", "softplus",      "floor",
     "ceil",    "round", "sign", "isnan",      "not",       "and",           "or",
     "xor",     "equal", "less", "less_equal", "greater",   "greater_equal", "where",
     "identity"});
static_assert(kNames.size() == static_cast<std::size_t>(Scalar::kIdentity) + 1);

[[noreturn]] void overflow(Scalar op) {
    fail("the {} of integers overflows 64 bits", name_of(op));
}

std::int64_t divided(Scalar op, std::int64_t a, std::int64_t b) {
    if (b == 0)
        fail("an integer is divided by zero");
    if (b == -1 && a == std::numeric_limits<std::int64_t>::min())
        overflow(op);
    return a / b;
}

std::int64_t floored(Scalar op, std::int64_t a, std::int64_t b) {
    const std::int64_t q = divided(op, a, b);
    return q - (q * b != a && (a < 0) != (b < 0) ? 1 : 0);
}

std::int64_t power(std::int64_t base, std::int64_t exponent) {
    if (exponent < 0)
        fail("an integer has a negative power");
    std::int64_t result = 1;
    // Beyond 64 factors only 0, 1 and -1 do not overflow.
    if (exponent > 64)
        exponent = 64 + exponent % 2;
    for (std::int64_t i = 0; i < exponent; ++i)
        if (__builtin_mul_overflow(result, base, &result))
            overflow(Scalar::kPow);
    return result;
}

double positive_modulo(double a, double b) {
    const double m = std::fmod(a, b);
    return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}

double sign(double x) {
    return x > 0 ? 1 : x < 0 ? -1 : 0;
}

}  // namespace

std::string_view name_of(Scalar op) {
    return kNames[static_cast<std::size_t>(op)];
}

bool is_comparison(Scalar op) {
    switch (op) {
        case Scalar::kIsNaN:
        case Scalar::kNot:
        case Scalar::kAnd:
        case Scalar::kOr:
        case Scalar::kXor:
        case Scalar::kEqual:
        case Scalar::kLess:
        case Scalar::kLessOrEqual:
        case Scalar::kGreater:
        case Scalar::kGreaterOrEqual:
            return true;
        default:
            return false;
    }
}

double apply(Scalar op, std::span<const double> x) {
    const double a = x[0], b = x.size() > 1 ? x[1] : 0;
    switch (op) {
        case Scalar::kAdd:
            return a + b;
        case Scalar::kSub:
            return a - b;
        case Scalar::kMul:
            return a * b;
        case Scalar::kDiv:
            return a / b;
        case Scalar::kFloorDiv:
            return std::floor(a / b);
        case Scalar::kPow:
            return std::pow(a, b);
        case Scalar::kMod:
            return positive_modulo(a, b);
        case Scalar::kFMod:
            return std::fmod(a, b);
        case Scalar::kMin:
            return std::isnan(a) || a < b ? a : b;
        case Scalar::kMax:
            return std::isnan(a) || a > b ? a : b;
        case Scalar::kNeg:
            return -a;
        case Scalar::kAbs:
            return std::abs(a);
        case Scalar::kSqrt:
            return std::sqrt(a);
        case Scalar::kRsqrt:
            return 1 / std::sqrt(a);
        case Scalar::kReciprocal:
            return 1 / a;
        case Scalar::kExp:
            return std::exp(a);
        case Scalar::kLog:
            return std::log(a);
        case Scalar::kSin:
            return std::sin(a);
        case Scalar::kCos:
            return std::cos(a);
        case Scalar::kTanh:
            return std::tanh(a);
        case Scalar::kSigmoid:
            return 1 / (1 + std::exp(-a));
        case Scalar::kErf:
            return std::erf(a);
        case Scalar::kRelu:
            return std::isnan(a) || a > 0 ? a : 0;
        case Scalar::kSilu:
            return a / (1 + std::exp(-a));
        case Scalar::kGeluErf:
            return 0.5 * a * (1 + std::erf(a * 0.70710678118654752440));
        case Scalar::kGeluTanh:
            return 0.5 * a * (1 + std::tanh(0.79788456080286535588 * (a + 0.044715 * a * a * a)));
        case Scalar::kSoftplus:
            return a > 30 ? a : std::log1p(std::exp(a));
        case Scalar::kFloor:
            return std::floor(a);
        case Scalar::kCeil:
            return std::ceil(a);
        case Scalar::kRound:
            return std::nearbyint(a);
        case Scalar::kSign:
            return sign(a);
        case Scalar::kIsNaN:
            return std::isnan(a) ? 1 : 0;
        case Scalar::kNot:
            return a == 0 ? 1 : 0;
        case Scalar::kAnd:
            return a != 0 && b != 0 ? 1 : 0;
        case Scalar::kOr:
            return a != 0 || b != 0 ? 1 : 0;
        case Scalar::kXor:
            return (a != 0) != (b != 0) ? 1 : 0;
        case Scalar::kEqual:
            return a == b ? 1 : 0;
        case Scalar::kLess:
            return a < b ? 1 : 0;
        case Scalar::kLessOrEqual:
            return a <= b ? 1 : 0;
        case Scalar::kGreater:
            return a > b ? 1 : 0;
        case Scalar::kGreaterOrEqual:
            return a >= b ? 1 : 0;
        case Scalar::kWhere:
            return a != 0 ? x[1] : x[2];
        case Scalar::kIdentity:
            return a;
    }
    return 0;
}

std::int64_t apply(Scalar op, std::span<const std::int64_t> x) {
    const std::int64_t a = x[0], b = x.size() > 1 ? x[1] : 0;
    std::int64_t r = 0;
    switch (op) {
        case Scalar::kAdd:
            if (__builtin_add_overflow(a, b, &r))
                overflow(op);
            return r;
        case Scalar::kSub:
            if (__builtin_sub_overflow(a, b, &r))
                overflow(op);
            return r;
        case Scalar::kMul:
            if (__builtin_mul_overflow(a, b, &r))
                overflow(op);
            return r;
        case Scalar::kNeg:
            if (__builtin_sub_overflow(std::int64_t{0}, a, &r))
                overflow(op);
            return r;
        case Scalar::kDiv:
            return divided(op, a, b);
        case Scalar::kFloorDiv:
            return floored(op, a, b);
        case Scalar::kPow:
            return power(a, b);
        case Scalar::kMod:
            return b == -1 ? 0 : a - floored(op, a, b) * b;
        case Scalar::kFMod:
            return b == -1 ? 0 : a - divided(op, a, b) * b;
        case Scalar::kMin:
            return std::min(a, b);
        case Scalar::kMax:
            return std::max(a, b);
        case Scalar::kAbs:
            return a < 0 ? apply(Scalar::kNeg, x) : a;
        case Scalar::kRelu:
            return std::max<std::int64_t>(a, 0);
        case Scalar::kSign:
            return a > 0 ? 1 : a < 0 ? -1 : 0;
        case Scalar::kFloor:
        case Scalar::kCeil:
        case Scalar::kRound:
        case Scalar::kIdentity:
            return a;
        case Scalar::kIsNaN:
            return 0;
        case Scalar::kNot:
            return a == 0;
        case Scalar::kAnd:
            return a != 0 && b != 0;
        case Scalar::kOr:
            return a != 0 || b != 0;
        case Scalar::kXor:
            return (a != 0) != (b != 0);
        case Scalar::kEqual:
            return a == b;
        case Scalar::kLess:
            return a < b;
        case Scalar::kLessOrEqual:
            return a <= b;
        case Scalar::kGreater:
            return a > b;
        case Scalar::kGreaterOrEqual:
            return a >= b;
        case Scalar::kWhere:
            return a != 0 ? x[1] : x[2];
        default:
            fail("there is no {} of integers", name_of(op));
    }
}

}  // namespace skald::compiler::graphs
