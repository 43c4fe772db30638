// SPDX-License-Identifier: MIT
// f16, exp and log: exhaustive where that is possible, measured against double elsewhere.
#include "card/compute/math.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>

#include "card/compute/kernels.hpp"
#include "card/compute/philox.hpp"
#include "card/compute/vec16_scalar.hpp"

namespace skald::card::compute {
namespace {

float scalar_exp(float x) {
    return exp(ScalarVec::set(x)).f[0];
}

double ulps(float got, double wanted) {
    const float nearest = static_cast<float>(wanted);
    const double ulp = std::nextafter(std::fabs(nearest), std::numeric_limits<float>::infinity()) -
                       std::fabs(nearest);
    return std::fabs(static_cast<double>(got) - wanted) / ulp;
}

TEST(Half, EveryHalfComesBackFromFloat) {
    for (std::uint32_t h = 0; h < 65536; ++h) {
        const float f = half_to_float(static_cast<std::uint16_t>(h));
        if (std::isnan(f))
            continue;
        EXPECT_EQ(float_to_half(f), h);
    }
}

TEST(Half, MidpointsRoundToEven) {
    for (std::uint32_t h = 0; h < 0x7bff; ++h) {
        const double low = half_to_float(static_cast<std::uint16_t>(h));
        const double high = half_to_float(static_cast<std::uint16_t>(h + 1));
        const auto middle = static_cast<float>((low + high) / 2);
        const std::uint32_t even = h % 2 == 0 ? h : h + 1;
        EXPECT_EQ(float_to_half(middle), even);
        EXPECT_EQ(float_to_half(std::nextafter(middle, 0.0f)), h);
        EXPECT_EQ(float_to_half(std::nextafter(middle, 1e30f)), h + 1);
    }
    EXPECT_EQ(float_to_half(65519.996f), 0x7bff);
    EXPECT_EQ(float_to_half(65520.0f), 0x7c00);
}

TEST(Exp, IsWithinTwoUnitsInTheLastPlace) {
    double worst = 0;
    for (float x = -87.0f; x < 88.37f; x += 0.0007f)
        worst = std::max(worst, ulps(scalar_exp(x), std::exp(static_cast<double>(x))));
    EXPECT_LT(worst, 1.9);
}

TEST(Exp, EndsAsDocumented) {
    constexpr float kInf = std::numeric_limits<float>::infinity();
    EXPECT_EQ(scalar_exp(0.0f), 1.0f);
    EXPECT_EQ(scalar_exp(-0.0f), 1.0f);
    EXPECT_EQ(scalar_exp(-kInf), 0.0f);
    EXPECT_EQ(scalar_exp(std::nextafter(-87.0f, -kInf)), 0.0f);
    EXPECT_GE(scalar_exp(-87.0f), std::numeric_limits<float>::min()) << "never subnormal";
    EXPECT_LT(scalar_exp(88.37626f), kInf);
    EXPECT_EQ(scalar_exp(std::nextafter(88.37626f, kInf)), kInf);
    EXPECT_EQ(std::bit_cast<std::uint32_t>(scalar_exp(std::bit_cast<float>(0xffffffffu))),
              kCanonicalNan);
}

TEST(Log, IsWithinAUnitInTheLastPlaceFromOneOn) {
    double worst = 0;
    for (float x = 1.01f; x < 1e9f; x *= 1.0001f)
        worst = std::max(worst, ulps(log(x), std::log(static_cast<double>(x))));
    EXPECT_LT(worst, 1.0);
    EXPECT_EQ(log(1.0f), 0.0f);
    for (float bad : {0.0f, -1.0f, 1e-40f, std::numeric_limits<float>::infinity()})
        EXPECT_TRUE(std::isnan(log(bad)));
}

TEST(MaxNumber, NanLosesAndPlusZeroWins) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(max_number(nan, -5.0f), -5.0f);
    EXPECT_EQ(max_number(-5.0f, nan), -5.0f);
    EXPECT_FALSE(std::signbit(max_number(0.0f, -0.0f)));
    EXPECT_FALSE(std::signbit(max_number(-0.0f, 0.0f)));
    EXPECT_TRUE(std::signbit(max_number(-0.0f, -0.0f)));
}

TEST(Philox, KnownAnswers) {
    // From the known-answer file of the authors' reference implementation.
    const std::array<std::uint32_t, 4> zero = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), zero);
    const std::array<std::uint32_t, 4> ones = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
    constexpr std::uint32_t kAll = 0xffffffff;
    EXPECT_EQ(philox({kAll, kAll, kAll, kAll}, {kAll, kAll}), ones);
}

TEST(Dispatch, RefusesAPathTheProcessorLacksWithASentence) {
    for (Simd simd : {Simd::kScalar, Simd::kAvx2, Simd::kAvx512, Simd::kAmx}) {
        std::string error;
        const Kernels* kernels = find_kernels(simd, error);
        EXPECT_EQ(kernels != nullptr, supported(simd));
        if (kernels != nullptr)
            EXPECT_EQ(kernels->simd, simd);
        else
            EXPECT_NE(error.find(name(simd)), std::string::npos);
    }
    std::string error;
    EXPECT_EQ(find_kernels(std::nullopt, error)->simd, best_simd());
}

}  // namespace
}  // namespace skald::card::compute
