// SPDX-License-Identifier: MIT
// In a file of its own, because every weight passes here and it is compiled for speed.
#include <cstring>

#include "input/half.hpp"
#include "input/quantised.hpp"
#include "input/random_row.hpp"
#include "input/tensor.hpp"

namespace skald::compiler {
namespace {

void quantised_to_f32(const Tensor& tensor, std::uint64_t row, std::span<float> out) {
    QuantisedRow q;
    unpack(tensor, row, q);
    const TypeInfo& info = info_of(tensor.type);
    for (std::size_t k = 0; k < out.size(); ++k) {
        const std::size_t g = k / info.group;
        const float product = q.scale[g] * static_cast<float>(q.u[k] - info.zero);
        out[k] = info.affine ? product + q.minimum[g] : product;
    }
}

}  // namespace

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
        case DType::kRandom:
            random_row(tensor.seed, row, tensor.deviation, out);
            break;
        default:
            quantised_to_f32(tensor, row, out);
    }
}

}  // namespace skald::compiler
