// SPDX-License-Identifier: MIT
#include "check/difference.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace skald::compiler::checking {
namespace {

TEST(Difference, IsNoneOfWhatIsTheSame) {
    Difference d;
    const std::vector<float> constant(3, 2.0f);
    d.add(constant, constant);
    EXPECT_EQ(d.rms(), 0);
    EXPECT_EQ(d.largest(), 0);
    EXPECT_EQ(d.correlation(), 1);
    EXPECT_TRUE(d.finite());
}

TEST(Difference, CountsInDeviationsOfWhatIsExpected) {
    Difference d;  // deviation 2 around 11
    d.add(std::vector<float>{9, 13}, std::vector<float>{9, 13});
    d.add(std::vector<float>{10, 13}, std::vector<float>{9, 13});
    EXPECT_DOUBLE_EQ(d.largest(), 0.5);
    EXPECT_DOUBLE_EQ(d.rms(), 0.25);
    EXPECT_NEAR(d.correlation(), 14 / std::sqrt(16 * 12.75), 1e-12);
}

TEST(Difference, KnowsOppositesAndWhatIsNotFinite) {
    Difference d;
    d.add(std::vector<float>{1, -1}, std::vector<float>{-1, 1});
    EXPECT_DOUBLE_EQ(d.correlation(), -1);
    EXPECT_DOUBLE_EQ(d.rms(), 2);
    EXPECT_TRUE(d.finite());
    d.add(std::vector<float>{NAN}, std::vector<float>{1});
    EXPECT_FALSE(d.finite());
}

}  // namespace
}  // namespace skald::compiler::checking
