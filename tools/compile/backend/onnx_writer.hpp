// SPDX-License-Identifier: MIT
// A model in floats as ONNX, so that others can compute what this compiler compiles: ids of tokens
// in, logits of all positions out, any number of them, ONNX's own operators.
#pragma once

#include <cstdint>
#include <filesystem>

#include "model/model.hpp"

namespace skald::compiler {

inline constexpr std::uint64_t kMostOnnxBytes = 64u << 20;

// Weights of more than `inside` bytes lie beside it, in FILE.data. Throws CompileError.
void write_onnx(const Model& model, const std::filesystem::path& path,
                std::uint64_t inside = kMostOnnxBytes);

}  // namespace skald::compiler
