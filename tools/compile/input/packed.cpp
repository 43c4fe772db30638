// SPDX-License-Identifier: MIT
#include "input/packed.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "error.hpp"
#include "input/small_float.hpp"

namespace skald::compiler {
namespace {

constexpr std::size_t kMxBlock = 32;

void require(bool held, std::string_view what) {
    if (!held)
        fail("internal error: {}", what);
}

}  // namespace

void scale_blocks(std::span<float> row, std::span<const float> scales, std::uint64_t block) {
    require(block != 0 && scales.size() == row.size() / block + (row.size() % block != 0),
            "a row of scales is not as long as its row of blocks");
    for (std::size_t b = 0; b < scales.size(); ++b) {
        const std::size_t begin = b * block, end = std::min<std::size_t>(row.size(), begin + block);
        for (std::size_t k = begin; k < end; ++k)
            row[k] *= scales[b];
    }
}

void fp8_blocks_to_f32(std::span<const std::byte> values, DType type, std::span<const float> scales,
                       std::uint64_t block, std::span<float> out) {
    require((type == DType::kF8_E4M3 || type == DType::kF8_E5M2) && values.size() == out.size(),
            "a row of FP8 values is not as long as its weights");
    row_to_f32(Tensor{"", type, {values.size()}, values}, 0, out);
    scale_blocks(out, scales, block);
}

void mxfp4_to_f32(std::span<const std::byte> blocks, std::span<const std::byte> exponents,
                  std::span<float> out) {
    require(out.size() % kMxBlock == 0 && blocks.size() == out.size() / 2 &&
                exponents.size() == out.size() / kMxBlock,
            "a row of MXFP4 blocks is not as long as its weights");
    for (std::size_t k = 0; k < out.size(); k += 2) {
        const auto byte = std::to_integer<std::uint8_t>(blocks[k / 2]);
        const float unit = e8m0_half_to_f32(std::to_integer<std::uint8_t>(exponents[k / kMxBlock]));
        out[k] = unit * static_cast<float>(kE2M1Halves[byte & 15]);
        out[k + 1] = unit * static_cast<float>(kE2M1Halves[byte >> 4]);
    }
}

void ternary_to_f32(std::span<const std::byte> packed_row, unsigned quarter, float scale,
                    std::span<float> out) {
    require(quarter < 4 && packed_row.size() == out.size(),
            "a row of ternary weights is not as long as its weights");
    const std::array<float, 4> weights{-scale, 0, scale, std::numeric_limits<float>::quiet_NaN()};
    for (std::size_t k = 0; k < out.size(); ++k)
        out[k] = weights[std::to_integer<unsigned>(packed_row[k]) >> (2 * quarter) & 3u];
}

}  // namespace skald::compiler
