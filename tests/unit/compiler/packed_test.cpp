// SPDX-License-Identifier: MIT
// Packed checkpoints, and the floats of 8 bits and less in them, against their definitions.
#include "input/packed.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "backend/encode_row.hpp"
#include "expect_error.hpp"
#include "input/small_float.hpp"

namespace skald::compiler {
namespace {

using test::expect_error;
using Bytes = std::vector<std::byte>;

// Sign, exponent and fraction as the formats define them, in doubles.
double float_of(unsigned code, unsigned exponent_bits, unsigned fraction_bits, int bias) {
    const unsigned exponent = code >> fraction_bits & ((1u << exponent_bits) - 1);
    const double fraction = static_cast<double>(code & ((1u << fraction_bits) - 1)) /
                            static_cast<double>(1u << fraction_bits);
    const double size = exponent == 0 ? std::ldexp(fraction, 1 - bias)
                                      : std::ldexp(1 + fraction, static_cast<int>(exponent) - bias);
    return code >> (exponent_bits + fraction_bits) & 1 ? -size : size;
}

void expect_code(float value, unsigned code, double expected, bool nan, bool infinite = false) {
    if (nan)
        EXPECT_TRUE(std::isnan(value)) << code;
    else if (infinite)
        EXPECT_TRUE(std::isinf(value)) << code;
    else
        EXPECT_EQ(value, expected) << code;
    EXPECT_EQ(std::signbit(value), code >= 128) << code;
}

TEST(SmallFloats, AreWhatTheirBitsSay) {
    for (unsigned code = 0; code < 256; ++code) {
        const auto byte = static_cast<std::uint8_t>(code);
        expect_code(e4m3_to_f32(byte), code, float_of(code, 4, 3, 7), (code & 127) == 127);
        expect_code(e5m2_to_f32(byte), code, float_of(code, 5, 2, 15), (code & 127) > 124,
                    (code & 127) == 124);
        const float unit = e8m0_half_to_f32(byte);
        if (code == 255)
            EXPECT_TRUE(std::isnan(unit));
        else
            EXPECT_EQ(unit, std::ldexp(1.0, static_cast<int>(code) - 128)) << code;
    }
    for (unsigned code = 0; code < 16; ++code)
        EXPECT_EQ(kE2M1Halves[code], 2 * float_of(code, 2, 1, 1)) << code;
}

Bytes random_bytes(std::size_t count, unsigned seed) {
    std::mt19937 random(seed);
    Bytes bytes(count);
    for (auto& b : bytes)
        b = std::byte(random());
    return bytes;
}

TEST(Packed, Fp8RowsHaveAScaleForEachBlock) {
    constexpr std::size_t kLength = 300, kBlock = 128;
    const Bytes values = random_bytes(kLength, 1);
    const std::vector<float> scales{0.3f, 1.7e-3f, 5.0f};
    std::vector<float> row(kLength);
    for (const DType type : {DType::kF8_E4M3, DType::kF8_E5M2}) {
        fp8_blocks_to_f32(values, type, scales, kBlock, row);
        for (std::size_t k = 0; k < kLength; ++k) {
            const auto code = std::to_integer<std::uint8_t>(values[k]);
            const float value = type == DType::kF8_E4M3 ? e4m3_to_f32(code) : e5m2_to_f32(code);
            const float expected = value * scales[k / kBlock];
            ASSERT_EQ(std::memcmp(&row[k], &expected, 4), 0) << k;
        }
    }
    expect_error(
        [&] { fp8_blocks_to_f32(values, DType::kF8_E4M3, std::span(scales).first(2), 128, row); },
        {"internal error", "scales"});
    expect_error([&] { fp8_blocks_to_f32(values, DType::kU8, scales, 128, row); },
                 {"internal error", "FP8"});
}

TEST(Packed, Mxfp4RowsHaveTheEvenWeightInTheLowNibble) {
    Bytes blocks(32, std::byte{0x21});
    blocks[16] = std::byte{0xF7};
    const Bytes exponents{std::byte{127}, std::byte{130}};
    std::vector<float> row(64);
    mxfp4_to_f32(blocks, exponents, row);
    EXPECT_EQ(row[0], 0.5f);
    EXPECT_EQ(row[1], 1);
    EXPECT_EQ(row[31], 1);
    EXPECT_EQ(row[32], 48);
    EXPECT_EQ(row[33], -48);
    EXPECT_EQ(row[34], 4);
    const Bytes bad{std::byte{127}, std::byte{255}};
    mxfp4_to_f32(blocks, bad, row);
    EXPECT_EQ(row[31], 1);
    EXPECT_TRUE(std::isnan(row[32]));
    expect_error([&] { mxfp4_to_f32(blocks, std::span(bad).first(1), row); }, {"internal error"});
}

// The card's format of the same numbers takes such a row over exactly, from floats.
TEST(Packed, Mxfp4RowsAreExactOnTheCard) {
    constexpr std::size_t kLength = 64 * 32;
    for (unsigned seed = 0; seed < 50; ++seed) {
        Bytes blocks = random_bytes(kLength / 2, seed);
        for (std::size_t b = 0; b < kLength / 32; ++b)  // blocks of small numbers alone as well
            for (std::size_t i = 0; i < 16; ++i)
                blocks[16 * b + i] &= std::byte(0x88 | (0x11 * (b % 8)));
        Bytes exponents = random_bytes(kLength / 32, seed + 1000);
        for (auto& e : exponents)
            e = std::byte(std::to_integer<unsigned>(e) % 253);
        std::vector<float> row(kLength), stored(kLength);
        mxfp4_to_f32(blocks, exponents, row);
        const Tensor t{"t", DType::kF32, {1, kLength}, std::as_bytes(std::span(row))};
        RowEncoder encoder(isa::WeightFormat::MX4B32);
        encoder.encode(t, 0);
        encoder.decode(stored);
        EXPECT_EQ(encoder.error().squared_error, 0);
        ASSERT_EQ(row, stored) << seed;
    }
}

TEST(Packed, TernaryRowsShareBytesByQuarter) {
    constexpr std::uint64_t kRows = 20, kPacked = kRows / 4, kLength = 7;
    std::mt19937 random(3);
    int weights[kRows][kLength];
    std::vector<Bytes> packed(kPacked, Bytes(kLength));
    for (std::uint64_t r = 0; r < kRows; ++r)
        for (std::uint64_t k = 0; k < kLength; ++k) {
            weights[r][k] = static_cast<int>(random() % 3) - 1;
            packed[r % kPacked][k] |= std::byte((weights[r][k] + 1) << r / kPacked * 2);
        }
    std::vector<float> row(kLength);
    for (std::uint64_t r = 0; r < kRows; ++r) {
        const TernaryPlace place = ternary_place(r, kPacked);
        ternary_to_f32(packed[place.packed_row], place.quarter, 0.25f, row);
        for (std::uint64_t k = 0; k < kLength; ++k)
            ASSERT_EQ(row[k], 0.25f * static_cast<float>(weights[r][k])) << r << " " << k;
    }
    packed[0][2] = std::byte{0xC0};
    ternary_to_f32(packed[0], 3, 1, row);
    EXPECT_TRUE(std::isnan(row[2]));
    expect_error([&] { ternary_to_f32(packed[0], 4, 1, row); }, {"internal error"});
}

TEST(Packed, TernaryRowsAreExactOnTheCard) {
    const Bytes packed = [] {
        Bytes bytes = random_bytes(6912, 5);
        for (auto& b : bytes)
            b &= std::byte{0xAA};  // codes 0 and 2 ...
        for (std::size_t i = 0; i < bytes.size(); i += 3)
            bytes[i] = std::byte{0x55};  // ... and 1
        return bytes;
    }();
    for (const float scale : {1.21875f, 1 / 1.21875f, 0.0123f}) {
        std::vector<float> row(packed.size()), stored(packed.size());
        ternary_to_f32(packed, 1, scale, row);
        const Tensor t{"t", DType::kF32, {1, row.size()}, std::as_bytes(std::span(row))};
        RowEncoder encoder(isa::WeightFormat::T2Row);
        encoder.encode(t, 0);
        encoder.decode(stored);
        EXPECT_EQ(row, stored) << scale;
    }
}

}  // namespace
}  // namespace skald::compiler
