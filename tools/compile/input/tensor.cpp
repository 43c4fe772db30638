// SPDX-License-Identifier: MIT
#include "input/tensor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>

#include "input/half.hpp"

namespace skald::compiler {

std::string_view name_of(DType type) {
    switch (type) {
        case DType::kF32:
            return "f32";
        case DType::kF16:
            return "f16";
        case DType::kBF16:
            return "bf16";
        case DType::kQ8_0:
            return "q8_0";
    }
    return "?";
}

std::optional<std::uint64_t> row_bytes(DType type, std::uint64_t k) {
    if (type == DType::kQ8_0) {
        if (k % kQ8Block != 0)
            return std::nullopt;
        return k / kQ8Block * kQ8BlockBytes;
    }
    std::uint64_t bytes = 0;
    if (__builtin_mul_overflow(k, std::uint64_t{type == DType::kF32 ? 4u : 2u}, &bytes))
        return std::nullopt;
    return bytes;
}

std::optional<std::uint64_t> tensor_bytes(DType type, std::span<const std::uint64_t> shape) {
    std::optional<std::uint64_t> bytes = row_bytes(type, shape.empty() ? 1 : shape.back());
    for (std::size_t i = 0; i + 1 < shape.size() && bytes; ++i)
        if (__builtin_mul_overflow(*bytes, shape[i], &*bytes))
            return std::nullopt;
    return bytes;
}

std::uint64_t Tensor::rows() const {
    std::uint64_t n = 1;
    for (std::size_t i = 0; i + 1 < shape.size(); ++i)
        n *= shape[i];
    return n;
}

std::span<const std::byte> Tensor::row(std::uint64_t index) const {
    const std::uint64_t bytes = *row_bytes(type, row_length());
    return data.subspan(index * bytes, bytes);
}

std::string to_string(std::span<const std::uint64_t> shape) {
    return fmt::format("[{}]", fmt::join(shape, ","));
}

void row_to_f32(const Tensor& tensor, std::uint64_t row, std::span<float> out) {
    const std::byte* p = tensor.row(row).data();
    const auto half_at = [p](std::size_t at) {
        std::uint16_t h;
        std::memcpy(&h, p + at, sizeof h);
        return h;
    };
    switch (tensor.type) {
        case DType::kF32:
            std::memcpy(out.data(), p, out.size_bytes());
            break;
        case DType::kF16:
            for (std::size_t k = 0; k < out.size(); ++k)
                out[k] = f16_to_f32(half_at(2 * k));
            break;
        case DType::kBF16:
            for (std::size_t k = 0; k < out.size(); ++k)
                out[k] = bf16_to_f32(half_at(2 * k));
            break;
        case DType::kQ8_0:
            for (std::size_t k = 0; k < out.size(); ++k) {
                const std::size_t block = k / kQ8Block * kQ8BlockBytes;
                const auto q = static_cast<std::int8_t>(p[block + 2 + k % kQ8Block]);
                out[k] = f16_to_f32(half_at(block)) * static_cast<float>(q);
            }
            break;
    }
}

}  // namespace skald::compiler
