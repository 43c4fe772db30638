// SPDX-License-Identifier: MIT
// GGUF's quantised types: known bytes, and integers that reach the tiles as they are.
#include "input/quantised.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "backend/tile.hpp"
#include "tile_reader.hpp"

namespace skald::compiler {
namespace {

constexpr std::uint16_t kOne = 0x3C00;

std::vector<float> row_of(DType type, std::vector<std::uint8_t> bytes) {
    const Tensor t{"t", type, {info_of(type).block}, std::as_bytes(std::span(bytes))};
    std::vector<float> row(info_of(type).block);
    row_to_f32(t, 0, row);
    return row;
}

TEST(Quantised, KnownBytes) {
    std::vector<std::uint8_t> q4(18, 0x80);  // low nibble 0, high nibble 8
    std::memcpy(q4.data(), &kOne, 2);
    EXPECT_EQ(row_of(DType::kQ4_0, q4)[0], -8);
    EXPECT_EQ(row_of(DType::kQ4_0, q4)[16], 0);
    std::vector<std::uint8_t> t2(66, 0b10010010);  // numbers 2 0 1 2: weights 0, 32, 64, 96
    std::memcpy(t2.data() + 64, &kOne, 2);
    const auto row = row_of(DType::kTQ2_0, t2);
    EXPECT_EQ(row[0], 1);
    EXPECT_EQ(row[32], -1);
    EXPECT_EQ(row[64], 0);
    EXPECT_EQ(row[96], 1);
}

TEST(Quantised, IntegersReachTheTilesAsTheyAre) {
    std::mt19937 random(3);
    for (const auto& [type, format] : {std::pair(DType::kQ4_0, isa::WeightFormat::I4B32),
                                       {DType::kQ4_1, isa::WeightFormat::I4B32A},
                                       {DType::kQ5_0, isa::WeightFormat::I8B32},
                                       {DType::kQ5_1, isa::WeightFormat::I8B32A},
                                       {DType::kQ8_0, isa::WeightFormat::I8B32},
                                       {DType::kTQ2_0, isa::WeightFormat::T2B128},
                                       {DType::kTQ2_0, isa::WeightFormat::T2Row}}) {
        const TypeInfo& info = info_of(type);
        std::vector<std::uint8_t> bytes(info.block_bytes);
        for (auto& b : bytes)
            b = static_cast<std::uint8_t>(random());
        const std::uint16_t scale = 0x2E66;
        std::memcpy(bytes.data() + (info.bits == 2 ? 64 : 0), &scale, 2);
        if (info.affine)
            std::memcpy(bytes.data() + 2, &kOne, 2);
        const Tensor t{"t", type, {1, info.block}, std::as_bytes(std::span(bytes))};
        const Weight weight(&t, 0);
        std::vector<std::byte> image(isa::matrix_bytes(format, 1, info.block));
        write_tiles(StackedMatrix({&weight}, info.block), format, 0, 1, image);
        std::vector<float> row(info.block);
        row_to_f32(t, 0, row);
        for (std::uint32_t k = 0; k < info.block; ++k)
            ASSERT_NEAR(test::tile_weight(format, image, info.block, 0, k), row[k],
                        info.affine ? 1e-6 : 0)
                << info.name << " " << k;
    }
}

}  // namespace
}  // namespace skald::compiler
