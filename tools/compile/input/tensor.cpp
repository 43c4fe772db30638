// SPDX-License-Identifier: MIT
#include "input/tensor.hpp"

#include "error.hpp"

namespace skald::compiler {

std::optional<std::uint64_t> row_bytes(DType type, std::uint64_t k) {
    const TypeInfo& info = info_of(type);
    std::uint64_t bytes = 0;
    if (k % info.block != 0 ||
        __builtin_mul_overflow(k / info.block, std::uint64_t{info.block_bytes}, &bytes))
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
    const std::uint64_t bytes = row_bytes(type, row_length()).value_or(0);
    return data.subspan(index * bytes, bytes);
}

Tensor Tensor::part(std::uint64_t index) const {
    if (shape.size() < 2 || index >= shape.front())
        fail("internal error: tensor {} of shape {} has no part {}", name, to_string(shape), index);
    Tensor part = *this;
    part.shape.erase(part.shape.begin());
    part.first_row = first_row + index * part.rows();
    const std::uint64_t bytes = part.rows() * row_bytes(type, row_length()).value_or(0);
    part.data = data.subspan(index * bytes, bytes);
    return part;
}

std::string to_string(std::span<const std::uint64_t> shape) {
    std::string text = "[";
    for (std::size_t i = 0; i < shape.size(); ++i)
        text += (i == 0 ? "" : ",") + std::to_string(shape[i]);
    return text + "]";
}

}  // namespace skald::compiler
