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

// Eight scales and eight minima of 6 bits in twelve bytes, written bit by bit: low six bits of the
// first four in bytes 0..7; of the others four bits in bytes 8..11, two on top of bytes 0..7.
void put_k_scales(std::uint8_t* out, const std::uint8_t* scale, const std::uint8_t* minimum) {
    for (unsigned j = 0; j < 4; ++j) {
        out[j] = static_cast<std::uint8_t>(scale[j] | (scale[j + 4] & 0x30) << 2);
        out[j + 4] = static_cast<std::uint8_t>(minimum[j] | (minimum[j + 4] & 0x30) << 2);
        out[j + 8] = static_cast<std::uint8_t>((scale[j + 4] & 15) | (minimum[j + 4] & 15) << 4);
    }
}

// d = 1/8, dmin = 1/4 and numbers below `limit`; the block is packed here, number by number.
void expect_k_type(DType type, unsigned limit) {
    constexpr std::uint16_t kEighth = 0x3000, kQuarter = 0x3400;
    std::mt19937 random(limit);
    std::uint8_t scale[8], minimum[8], q[256];
    for (unsigned j = 0; j < 8; ++j) {
        scale[j] = random() % 64;
        minimum[j] = random() % 64;
    }
    std::vector<std::uint8_t> block(info_of(type).block_bytes);
    std::memcpy(block.data(), &kEighth, 2);
    std::memcpy(block.data() + 2, &kQuarter, 2);
    put_k_scales(block.data() + 4, scale, minimum);
    const std::size_t nibbles = limit == 32 ? 48 : 16;
    for (unsigned k = 0; k < 256; ++k) {
        q[k] = static_cast<std::uint8_t>(random() % limit);
        block[nibbles + k / 64 * 32 + k % 32] |=
            static_cast<std::uint8_t>((q[k] & 15) << (k % 64 >= 32 ? 4 : 0));
        if (limit == 32)
            block[16 + k % 32] |= static_cast<std::uint8_t>(q[k] >> 4 << (k / 32));
    }
    const auto row = row_of(type, block);
    for (unsigned k = 0; k < 256; ++k)
        ASSERT_EQ(row[k], 0.125f * scale[k / 32] * q[k] - 0.25f * minimum[k / 32]) << k;
}

TEST(Quantised, KTypesOfFourAndFiveBitsAreTakenApart) {
    expect_k_type(DType::kQ4_K, 16);
    expect_k_type(DType::kQ5_K, 32);
}

TEST(Quantised, TheKTypeOfSixBitsIsTakenApart) {
    std::mt19937 random(6);
    std::vector<std::uint8_t> block(info_of(DType::kQ6_K).block_bytes);
    std::memcpy(block.data() + 208, &kOne, 2);
    for (unsigned g = 0; g < 16; ++g)
        block[192 + g] = static_cast<std::uint8_t>(random());
    int q[256];
    for (unsigned k = 0; k < 256; ++k) {
        q[k] = static_cast<int>(random() % 64);
        const unsigned half = k / 128, quarter = k % 128 / 32, i = k % 32;
        block[half * 64 + (quarter & 1) * 32 + i] |=
            static_cast<std::uint8_t>((q[k] & 15) << (quarter >= 2 ? 4 : 0));
        block[128 + half * 32 + i] |= static_cast<std::uint8_t>(q[k] >> 4 << (2 * quarter));
    }
    const auto row = row_of(DType::kQ6_K, block);
    for (unsigned k = 0; k < 256; ++k)
        ASSERT_EQ(row[k], static_cast<std::int8_t>(block[192 + k / 16]) * (q[k] - 32)) << k;
}

TEST(Quantised, DigitsToBaseThreeAreTakenApart) {
    std::mt19937 random(1);
    std::vector<std::uint8_t> block(info_of(DType::kTQ1_0).block_bytes);
    std::memcpy(block.data() + 52, &kOne, 2);
    int digit[256];
    for (int& d : digit)
        d = static_cast<int>(random() % 3);
    // Byte i of a stretch has the digits i, i + bytes, i + 2 bytes, ... of it, the first the
    // highest of five, rounded up to a fraction of 256.
    const auto put = [&](unsigned at, unsigned bytes, unsigned digits, unsigned first) {
        for (unsigned i = 0; i < bytes; ++i) {
            unsigned number = 0;
            for (unsigned n = 0; n < 5; ++n)
                number = number * 3 +
                         (n < digits ? static_cast<unsigned>(digit[first + n * bytes + i]) : 0);
            block[at + i] = static_cast<std::uint8_t>((number * 256 + 242) / 243);
        }
    };
    put(0, 32, 5, 0);
    put(32, 16, 5, 160);
    put(48, 4, 4, 240);
    const auto row = row_of(DType::kTQ1_0, block);
    for (unsigned k = 0; k < 256; ++k)
        ASSERT_EQ(row[k], digit[k] - 1) << k;
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
