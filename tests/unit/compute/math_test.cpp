// SPDX-License-Identifier: MIT
// f16 and the elementary functions: exhaustive where that is soon done, measured against double
// elsewhere.
#include "card/compute/math.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "card/compute/kernels.hpp"
#include "card/compute/philox.hpp"
#include "card/compute/vec16_scalar.hpp"
#include "functions.hpp"

namespace skald::card::compute {
namespace {

float scalar_exp(float x) {
    return exp(ScalarVec::set(x)).f[0];
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

// All floats: compute_ulps.
class Functions : public ::testing::TestWithParam<Function> {};

TEST_P(Functions, AreAsNearAndAsMonotoneAsTheDocumentStates) {
    const Function& function = GetParam();
    const Worst worst = measure(function, 9973);
    EXPECT_LE(worst.error, function.error) << "at " << worst.at;
    EXPECT_GT(worst.error, 0.5 * function.error) << "the document could promise more";
    EXPECT_LE(worst.fall, function.fall);
}

INSTANTIATE_TEST_SUITE_P(All, Functions, ::testing::ValuesIn(kFunctions),
                         [](const auto& param) { return param.param.name; });

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

float scalar(ScalarVec (*f)(ScalarVec), float x) {
    return f(ScalarVec::set(x)).f[0];
}

TEST(Sigmoid, EndsAsDocumented) {
    constexpr float kInf = std::numeric_limits<float>::infinity();
    EXPECT_EQ(scalar(sigmoid, 0.0f), 0.5f);
    EXPECT_EQ(scalar(sigmoid, kInf), 1.0f);
    EXPECT_EQ(scalar(sigmoid, 18.0f), 1.0f);
    EXPECT_LT(scalar(sigmoid, 16.0f), 1.0f);
    EXPECT_GT(scalar(sigmoid, -88.37626f), 0.0f) << "subnormal";
    EXPECT_EQ(scalar(sigmoid, std::nextafter(-88.37626f, -kInf)), 0.0f);
    EXPECT_EQ(scalar(sigmoid, -kInf), 0.0f);
}

TEST(TanhAndErf, AreOddAndEndAtOne) {
    constexpr float kInf = std::numeric_limits<float>::infinity();
    for (auto* f : {tanh<ScalarVec>, erf<ScalarVec>}) {
        EXPECT_FALSE(std::signbit(scalar(f, 0.0f)));
        EXPECT_TRUE(std::signbit(scalar(f, -0.0f)));
        EXPECT_EQ(scalar(f, -0.0f), 0.0f);
        EXPECT_EQ(scalar(f, kInf), 1.0f);
        EXPECT_EQ(scalar(f, -kInf), -1.0f);
        EXPECT_EQ(scalar(f, 1e38f), 1.0f);
        for (float x = 1e-40f; x < 1e10f; x *= 1.37f) {
            EXPECT_EQ(scalar(f, -x), -scalar(f, x));
            EXPECT_LE(scalar(f, x), 1.0f);
        }
        EXPECT_EQ(std::bit_cast<std::uint32_t>(scalar(f, std::bit_cast<float>(0xffc00001u))),
                  kCanonicalNan);
    }
}

TEST(TanhAndErf, DoNotFallWhereTheirFormChanges) {
    const auto rises = [](ScalarVec (*f)(ScalarVec), float split) {
        float last = 0.0f;
        for (float x = split - 1e-4f; x < split + 1e-4f; x = std::nextafter(x, 1.0f)) {
            EXPECT_GE(scalar(f, x), last) << x;
            last = scalar(f, x);
        }
    };
    rises(tanh<ScalarVec>, kTanhSplit);
    rises(erf<ScalarVec>, kErfSplit);
}

TEST(Log, IsWithinAUnitInTheLastPlaceFromOneOn) {
    double worst = 0;
    for (float x = 1.01f; x < 1e9f; x *= 1.0001f) {
        const double truth = std::log(static_cast<double>(x));
        worst = std::max(worst, std::fabs(static_cast<double>(log(x)) - truth) / ulp_of(truth));
    }
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
