// SPDX-License-Identifier: MIT
// Checkpoints whose weights are packed into tensors of bytes beside tensors of scales: one row
// made floats, from the bytes of that row. Which tensors belong together is the caller's affair.
//
// What stands for no number (an exponent of 255, a fourth ternary code) gives NaN: whoever encodes
// the row refuses it by name. The sizes of the spans are the caller's promise; they are checked,
// and a mismatch is an internal error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "input/tensor.hpp"

namespace skald::compiler {

// FP8 with a scale for each block of block x block weights (DeepSeek-V3: "weight" and
// "weight_scale_inv", 128): `row` are values already (row_to_f32 of kF8_E4M3 or kF8_E5M2), `scales`
// the row of scales for its row of blocks, one for each `block` weights, the last may be for fewer.
void scale_blocks(std::span<float> row, std::span<const float> scales, std::uint64_t block);

// The same from bytes.
void fp8_blocks_to_f32(std::span<const std::byte> values, DType type, std::span<const float> scales,
                       std::uint64_t block, std::span<float> out);

// MXFP4 as gpt-oss publishes it, a row of "_blocks" [.., rows, k/32, 16] and of "_scales"
// [.., rows, k/32]: two weights in a byte, the even one in the low nibble.
void mxfp4_to_f32(std::span<const std::byte> blocks, std::span<const std::byte> exponents,
                  std::span<float> out);

// BitNet: byte r of packed row i of P holds row i + r * P in its bits 2 r .. 2 r + 1, as weight
// + 1.
struct TernaryPlace {
    std::uint64_t packed_row;
    unsigned quarter;  // below 4
};
constexpr TernaryPlace ternary_place(std::uint64_t row, std::uint64_t packed_rows) {
    return {row % packed_rows, static_cast<unsigned>(row / packed_rows)};
}
// `scale`: of linear_class "autobitlinear" the tensor's weight_scale, of "bitlinear" (also where
// none is named) its inverse.
void ternary_to_f32(std::span<const std::byte> packed_row, unsigned quarter, float scale,
                    std::span<float> out);

}  // namespace skald::compiler
