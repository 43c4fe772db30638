// SPDX-License-Identifier: MIT
// GGUF's quantised types: known bytes, and integers that reach the tiles as they are.
#include "input/quantised.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "backend/encode_row.hpp"
#include "backend/tile.hpp"
#include "expect_error.hpp"
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

// The pair of bits of weight k of a super-block, 64 bytes from `out`.
void put_pair(std::uint8_t* out, unsigned k, unsigned value) {
    const unsigned half = k / 128, quarter = k % 128 / 32, i = k % 32;
    out[half * 32 + i] |= static_cast<std::uint8_t>(value << (2 * quarter));
}

TEST(Quantised, TheKTypeOfTwoBitsIsTakenApart) {
    constexpr std::uint16_t kEighth = 0x3000, kQuarter = 0x3400;
    std::mt19937 random(2);
    std::vector<std::uint8_t> block(info_of(DType::kQ2_K).block_bytes);
    unsigned scale[16], minimum[16], q[256];
    for (unsigned g = 0; g < 16; ++g) {
        scale[g] = random() % 16;
        minimum[g] = random() % 16;
        block[g] = static_cast<std::uint8_t>(scale[g] | minimum[g] << 4);
    }
    for (unsigned k = 0; k < 256; ++k) {
        q[k] = random() % 4;
        put_pair(block.data() + 16, k, q[k]);
    }
    std::memcpy(block.data() + 80, &kEighth, 2);
    std::memcpy(block.data() + 82, &kQuarter, 2);
    const auto row = row_of(DType::kQ2_K, block);
    for (unsigned k = 0; k < 256; ++k)
        ASSERT_EQ(row[k], 0.125 * scale[k / 16] * q[k] - 0.25 * minimum[k / 16]) << k;
}

// Sixteen scales of 6 bits: the low nibbles of scales 0..7 and, above them, of 8..15 in eight
// bytes, then the upper pairs of scales 0..3, and above them of 4..7, 8..11, 12..15 in four.
void put_q3_scales(std::uint8_t* out, const unsigned* scale) {
    for (unsigned g = 0; g < 16; ++g) {
        out[g % 8] |= static_cast<std::uint8_t>((scale[g] & 15) << (g < 8 ? 0 : 4));
        out[8 + g % 4] |= static_cast<std::uint8_t>(scale[g] >> 4 << (g / 4 * 2));
    }
}

TEST(Quantised, TheKTypeOfThreeBitsIsTakenApart) {
    std::mt19937 random(4);
    std::vector<std::uint8_t> block(info_of(DType::kQ3_K).block_bytes);
    unsigned scale[16];
    int q[256];
    for (unsigned& s : scale)
        s = random() % 64;
    put_q3_scales(block.data() + 96, scale);
    for (unsigned k = 0; k < 256; ++k) {
        q[k] = static_cast<int>(random() % 8);
        put_pair(block.data() + 32, k, static_cast<unsigned>(q[k]) & 3);
        block[k % 32] |= static_cast<std::uint8_t>(q[k] >> 2 << (k / 32));
    }
    std::memcpy(block.data() + 108, &kOne, 2);
    const auto row = row_of(DType::kQ3_K, block);
    for (unsigned k = 0; k < 256; ++k)
        ASSERT_EQ(row[k], (static_cast<int>(scale[k / 16]) - 32) * (q[k] - 4)) << k;
}

// From -127 to 113, finer in the middle.
constexpr int kIq4Table[] = {-127, -104, -83, -65, -49, -35, -22, -10,
                             1,    13,   25,  38,  53,  69,  89,  113};

TEST(Quantised, TheTypesWithATableOfSixteenNumbersAreTakenApart) {
    std::vector<std::uint8_t> block(info_of(DType::kIQ4_NL).block_bytes);
    std::memcpy(block.data(), &kOne, 2);
    for (unsigned i = 0; i < 16; ++i)
        block[2 + i] = static_cast<std::uint8_t>(i | (15 - i) << 4);
    const auto row = row_of(DType::kIQ4_NL, block);
    for (unsigned i = 0; i < 16; ++i) {
        EXPECT_EQ(row[i], kIq4Table[i]);
        EXPECT_EQ(row[16 + i], kIq4Table[15 - i]);
    }

    std::mt19937 random(5);
    std::vector<std::uint8_t> super(info_of(DType::kIQ4_XS).block_bytes);
    std::memcpy(super.data(), &kOne, 2);
    unsigned scale[8], code[256], highs = 0;
    for (unsigned g = 0; g < 8; ++g) {
        scale[g] = random() % 64;
        super[4 + g / 2] |= static_cast<std::uint8_t>((scale[g] & 15) << (g % 2 * 4));
        highs |= scale[g] >> 4 << (2 * g);
    }
    super[2] = static_cast<std::uint8_t>(highs);
    super[3] = static_cast<std::uint8_t>(highs >> 8);
    for (unsigned k = 0; k < 256; ++k) {
        code[k] = random() % 16;
        super[8 + k / 32 * 16 + k % 16] |=
            static_cast<std::uint8_t>(code[k] << (k % 32 < 16 ? 0 : 4));
    }
    const auto wide = row_of(DType::kIQ4_XS, super);
    for (unsigned k = 0; k < 256; ++k)
        ASSERT_EQ(wide[k], (static_cast<int>(scale[k / 32]) - 32) * kIq4Table[code[k]]) << k;
}

TEST(Quantised, Mxfp4IsTakenApart) {
    constexpr float kValues[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
    std::vector<std::uint8_t> block(17);
    for (unsigned i = 0; i < 16; ++i)
        block[1 + i] = static_cast<std::uint8_t>(i | (15 - i) << 4);
    for (const int exponent : {0, 1, 2, 100, 127, 128, 250}) {
        block[0] = static_cast<std::uint8_t>(exponent);
        const auto row = row_of(DType::kMXFP4, block);
        for (unsigned i = 0; i < 16; ++i) {
            const auto expected = static_cast<float>(
                std::ldexp(i < 8 ? kValues[i] : -kValues[i - 8], exponent - 127));
            EXPECT_EQ(row[i], expected) << exponent << " " << i;
            EXPECT_EQ(row[31 - i], expected) << exponent << " " << i;
        }
    }
    block[0] = 255;
    EXPECT_TRUE(std::isnan(row_of(DType::kMXFP4, block)[0]));
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

TEST(Quantised, ExponentsOfMxfp4AreKept) {
    std::mt19937 random(8);
    for (unsigned exponent = 0; exponent < 256; ++exponent) {
        std::vector<std::uint8_t> bytes(17);
        for (auto& b : bytes)
            b = static_cast<std::uint8_t>(random());
        bytes[0] = static_cast<std::uint8_t>(exponent);
        bytes[1] = 0x71;  // a weight of 6 in it
        const Tensor t{"t", DType::kMXFP4, {1, 32}, std::as_bytes(std::span(bytes))};
        RowEncoder encoder(isa::WeightFormat::MX4B32);
        if (exponent >= 253) {  // 6 * 2^126 is beyond f32
            test::expect_error([&] { encoder.encode(t, 0); }, {"tensor t", "row 0", "mxfp4"});
            continue;
        }
        EXPECT_EQ(encoder.encode(t, 0).scale[0], exponent);
        EXPECT_EQ(encoder.error().largest_error, 0);
    }
}

TEST(Quantised, IntegersReachTheTilesAsTheyAre) {
    std::mt19937 random(3);
    for (const auto& [type, format] : {std::pair(DType::kQ4_0, isa::WeightFormat::I4B32),
                                       {DType::kQ4_1, isa::WeightFormat::I4B32A},
                                       {DType::kQ5_0, isa::WeightFormat::I8B32},
                                       {DType::kQ5_1, isa::WeightFormat::I8B32A},
                                       {DType::kQ8_0, isa::WeightFormat::I8B32},
                                       {DType::kIQ4_NL, isa::WeightFormat::I8B32},
                                       {DType::kMXFP4, isa::WeightFormat::MX4B32},
                                       {DType::kMXFP4, isa::WeightFormat::I8B32},
                                       {DType::kTQ2_0, isa::WeightFormat::T2B128},
                                       {DType::kTQ2_0, isa::WeightFormat::T2Row}}) {
        const TypeInfo& info = info_of(type);
        std::vector<std::uint8_t> bytes(info.block_bytes);
        for (auto& b : bytes)
            b = static_cast<std::uint8_t>(random());
        const std::uint16_t scale = 0x2E66;
        std::memcpy(bytes.data() + (info.bits == 2 ? 64 : 0), &scale, 2);
        if (info.e2m1)
            bytes[0] = 120;
        if (info.affine)
            std::memcpy(bytes.data() + 2, &kOne, 2);
        const Tensor t{"t", type, {1, info.block}, std::as_bytes(std::span(bytes))};
        std::vector<std::byte> image(isa::matrix_bytes(format, 1, info.block));
        write_tiles(*expr::tensor(t), format, 0, 1, image);
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
