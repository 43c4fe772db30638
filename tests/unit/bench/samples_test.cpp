// SPDX-License-Identifier: MIT
#include "bench/samples.hpp"

#include <gtest/gtest.h>

#include <array>

namespace skald::bench {
namespace {

TEST(BenchSamples, AreDescribedAsStatisticsHasIt) {
    const std::array<double, 5> samples{4, 2, 8, 6, 5};
    EXPECT_DOUBLE_EQ(mean(samples), 5);
    EXPECT_NEAR(deviation(samples), 2.2360679, 1e-6);
    EXPECT_EQ(quantile(samples, 0.5), 5);
    EXPECT_EQ(quantile(samples, 0.99), 8);
    EXPECT_EQ(quantile(samples, 0), 2);
    EXPECT_EQ(quantile(samples, 1), 8);
}

TEST(BenchSamples, FewOrNoneAreNoAccident) {
    EXPECT_EQ(mean({}), 0);
    EXPECT_EQ(deviation({}), 0);
    EXPECT_EQ(quantile({}, 0.5), 0);
    const std::array<double, 1> one{3};
    EXPECT_EQ(mean(one), 3);
    EXPECT_EQ(deviation(one), 0);
    EXPECT_EQ(quantile(one, 0.99), 3);
}

}  // namespace
}  // namespace skald::bench
