// SPDX-License-Identifier: MIT
// A tensor as it lies in an input file: name, type, shape, bytes. Shapes are outermost first, a
// matrix is [N,K] with rows of K.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skald::compiler {

enum class DType : std::uint8_t { kF32, kF16, kBF16, kQ8_0 };

std::string_view name_of(DType type);

// GGUF's Q8_0: 32 weights as one f16 scale and 32 signed bytes.
inline constexpr std::size_t kQ8Block = 32;
inline constexpr std::size_t kQ8BlockBytes = 34;

// Bytes of a row of `k` weights; nullopt if the type cannot hold that length.
std::optional<std::uint64_t> row_bytes(DType type, std::uint64_t k);

// Bytes of a whole tensor; nullopt if the type cannot hold the shape or the size overflows.
std::optional<std::uint64_t> tensor_bytes(DType type, std::span<const std::uint64_t> shape);

struct Tensor {
    std::string name;
    DType type = DType::kF32;
    std::vector<std::uint64_t> shape;
    std::span<const std::byte> data;

    std::uint64_t row_length() const { return shape.empty() ? 1 : shape.back(); }
    std::uint64_t rows() const;
    std::span<const std::byte> row(std::uint64_t index) const;
};

// "[512,64]"
std::string to_string(std::span<const std::uint64_t> shape);

// One row as f32, exactly (Q8_0: scale times integer, rounded once). out.size() is the row length.
void row_to_f32(const Tensor& tensor, std::uint64_t row, std::span<float> out);

}  // namespace skald::compiler
