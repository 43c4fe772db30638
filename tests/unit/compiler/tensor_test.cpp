// SPDX-License-Identifier: MIT
// Tensors of any rank as matrices and parts of them, and rows of every float type.
#include "input/tensor.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "expect_error.hpp"

namespace skald::compiler {
namespace {

using test::expect_error;

TEST(Tensors, OfExpertsAreMatricesOneByOne) {
    std::vector<float> numbers(3 * 2 * 4);
    for (std::size_t i = 0; i < numbers.size(); ++i)
        numbers[i] = static_cast<float>(i);
    const Tensor t{"experts", DType::kF32, {3, 2, 4}, std::as_bytes(std::span(numbers))};
    EXPECT_EQ(t.rows(), 6u);
    std::vector<float> whole(4), part(4);
    for (std::uint64_t e = 0; e < 3; ++e) {
        const Tensor expert = t.part(e);
        EXPECT_EQ(expert.shape, (std::vector<std::uint64_t>{2, 4}));
        EXPECT_EQ(expert.name, "experts");
        EXPECT_EQ(expert.rows(), 2u);
        for (std::uint64_t r = 0; r < 2; ++r) {
            row_to_f32(t, 2 * e + r, whole);
            row_to_f32(expert, r, part);
            EXPECT_EQ(whole, part);
            EXPECT_EQ(part[3], static_cast<float>(8 * e + 4 * r + 3));
        }
    }
    EXPECT_EQ(t.part(2).part(1).shape, std::vector<std::uint64_t>{4});
    expect_error([&] { t.part(3); }, {"experts", "[3,2,4]", "part 3"});
    expect_error([&] { t.part(0).part(0).part(0); }, {"experts", "[4]"});
}

TEST(Tensors, PartsOfRandomOnesAreThoseOfTheWhole) {
    const Tensor t{"r", DType::kRandom, {2, 3, 16}, {}, 5, 1.0f};
    std::vector<float> whole(16), part(16);
    row_to_f32(t, 4, whole);
    row_to_f32(t.part(1), 1, part);
    EXPECT_EQ(whole, part);
    row_to_f32(t.part(0), 1, part);
    EXPECT_NE(whole, part);
}

TEST(Tensors, OfOtherFloatsAreRead) {
    const double doubles[] = {0.1, -3e300, 7};
    std::vector<float> row(3);
    row_to_f32({"d", DType::kF64, {3}, std::as_bytes(std::span(doubles))}, 0, row);
    EXPECT_EQ(row[0], 0.1f);
    EXPECT_EQ(row[1], -INFINITY);
    EXPECT_EQ(row[2], 7);
    const std::uint8_t bytes[] = {0x38, 0xC8, 0x7E};
    row_to_f32({"e", DType::kF8_E4M3, {3}, std::as_bytes(std::span(bytes))}, 0, row);
    EXPECT_EQ(row, (std::vector<float>{1, -4, 448}));
    row_to_f32({"e", DType::kF8_E5M2, {3}, std::as_bytes(std::span(bytes))}, 0, row);
    EXPECT_EQ(row[0], 0.5f);
    EXPECT_EQ(row[1], -8);
}

TEST(Tensors, OfIntegersAreNotWeights) {
    const std::uint8_t bytes[8]{};
    std::vector<float> row(1);
    for (const DType type :
         {DType::kU8, DType::kI8, DType::kI16, DType::kI32, DType::kI64, DType::kBool}) {
        EXPECT_FALSE(info_of(type).weights);
        expect_error(
            [&] { row_to_f32({"ids", type, {1}, std::as_bytes(std::span(bytes))}, 0, row); },
            {"tensor ids", std::string(name_of(type)).c_str(), "not one of weights"});
    }
}

}  // namespace
}  // namespace skald::compiler
