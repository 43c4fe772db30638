// SPDX-License-Identifier: MIT
// In a file of its own, because every weight passes here and it is compiled for speed.
#include <array>
#include <cstring>

#include "error.hpp"
#include "input/half.hpp"
#include "input/quantised.hpp"
#include "input/random_row.hpp"
#include "input/small_float.hpp"
#include "input/tensor.hpp"

namespace skald::compiler {
namespace {

constexpr auto kE4M3 = [] {
    std::array<float, 256> values{};
    for (unsigned code = 0; code < 256; ++code)
        values[code] = e4m3_to_f32(static_cast<std::uint8_t>(code));
    return values;
}();

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
            random_row(tensor.seed, tensor.first_row + row, tensor.deviation, out);
            break;
        case DType::kF64:
            for (std::size_t k = 0; k < out.size(); ++k) {
                double d;
                std::memcpy(&d, p + 8 * k, sizeof d);
                out[k] = static_cast<float>(d);
            }
            break;
        case DType::kF8_E4M3:
            for (std::size_t k = 0; k < out.size(); ++k)
                out[k] = kE4M3[std::to_integer<std::uint8_t>(p[k])];
            break;
        case DType::kF8_E5M2:
            for (std::size_t k = 0; k < out.size(); ++k)
                out[k] = e5m2_to_f32(std::to_integer<std::uint8_t>(p[k]));
            break;
        default:
            if (!info_of(tensor.type).weights)
                fail("tensor {} has type {}, which is not one of weights", tensor.name,
                     name_of(tensor.type));
            quantised_to_f32(tensor, row, out);
    }
}

}  // namespace skald::compiler
