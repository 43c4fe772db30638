// SPDX-License-Identifier: MIT
// In a file of its own, because every weight passes here and it is compiled for speed.
#include <cstring>

#include "input/half.hpp"
#include "input/tensor.hpp"

namespace skald::compiler {

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
