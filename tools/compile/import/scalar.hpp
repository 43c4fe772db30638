// SPDX-License-Identifier: MIT
// Functions of single elements.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace skald::compiler::graphs {

enum class Scalar : std::uint8_t {
    kAdd,
    kSub,
    kMul,
    kDiv,
    kFloorDiv,
    kPow,
    kMod,
    kFMod,
    kMin,
    kMax,
    kNeg,
    kAbs,
    kSqrt,
    kRsqrt,
    kReciprocal,
    kExp,
    kLog,
    kSin,
    kCos,
    kTanh,
    kSigmoid,
    kErf,
    kRelu,
    kSilu,
    kGeluErf,
    kGeluTanh,
    kSoftplus,
    kFloor,
    kCeil,
    kRound,
    kSign,
    kIsNaN,
    kNot,
    kAnd,
    kOr,
    kXor,
    kEqual,
    kLess,
    kLessOrEqual,
    kGreater,
    kGreaterOrEqual,
    kWhere,
    kIdentity,
};

std::string_view name_of(Scalar op);
double apply(Scalar op, std::span<const double> x);
// Throws CompileError where 64 bits do not hold the result, or for a division by zero.
std::int64_t apply(Scalar op, std::span<const std::int64_t> x);
bool is_comparison(Scalar op);

}  // namespace skald::compiler::graphs
