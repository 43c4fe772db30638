// SPDX-License-Identifier: MIT
// How a folder's quantization_config says that weights are packed. Methods that are not known are
// refused by name.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "input/json.hpp"
#include "model/expression.hpp"

namespace skald::compiler {

class Packing {
  public:
    enum class Method : std::uint8_t {
        kNone,
        kFp8,     // e4m3 or e5m2, a scale for each block: "weight" and "weight_scale_inv"
        kBitNet,  // four ternary weights in a byte: "weight" and "weight_scale"
        kMxfp4,   // experts only: "_blocks" and "_scales", which their family reads
    };

    // Of a folder without quantization_config, or of a GGUF file.
    Packing() = default;
    explicit Packing(const JsonObject& config);

    Method method() const { return method_; }

    // What tensor `t`, which is packed, is as weights [n,k]; `scales` is the tensor beside it.
    // Throws CompileError naming what does not fit.
    Expr unpack(const Tensor& t, const Tensor& scales, std::uint64_t n, std::uint64_t k) const;

    // The end of the name of the tensor beside it.
    const char* scales_end() const { return method_ == Method::kFp8 ? "_scale_inv" : "_scale"; }

    static bool packed(const Tensor& t) {
        return t.type == DType::kF8_E4M3 || t.type == DType::kF8_E5M2 || t.type == DType::kU8;
    }

  private:
    Method method_ = Method::kNone;
    std::array<std::uint64_t, 2> block_{128, 128};
    bool inverse_ = true;  // of the scale
};

}  // namespace skald::compiler
