// SPDX-License-Identifier: MIT
// The yardsticks measure what they say: nothing here is about how fast this machine is.
#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "bench/limits/limits.hpp"
#include "bench/limits/stream.hpp"
#include "bench/limits/threads.hpp"

namespace skald::bench {
namespace {

TEST(BenchLimits, EveryThreadWorksOnce) {
    std::vector<std::atomic<int>> runs(4);
    EXPECT_GT(timed_together(4, [&](unsigned t) { ++runs[t]; }), 0);
    for (const auto& count : runs)
        EXPECT_EQ(count, 1);
}

TEST(BenchLimits, FiguresArePossible) {
    const LimitFigures figures = Limits(2).measure();
    // Between a guest under translation and any machine of today.
    EXPECT_GT(figures.bytes_per_s, 1e6);
    EXPECT_LT(figures.bytes_per_s, 1e14);
    if (__builtin_cpu_supports("avx2"))
        EXPECT_GT(figures.macs_per_s, 1e6);
    else
        EXPECT_EQ(figures.macs_per_s, 0);
    EXPECT_LT(figures.macs_per_s, 1e16);
    EXPECT_LT(figures.tile_macs_per_s, 1e16);
    EXPECT_TRUE(figures.tile_macs_per_s == 0 || figures.tile_macs_per_s > 1e6);
}

TEST(BenchLimits, TheBestIsKept) {
    LimitFigures best{2, 10, 7};
    best.keep_best({3, 5, 8});
    EXPECT_EQ(best.bytes_per_s, 3);
    EXPECT_EQ(best.macs_per_s, 10);
    EXPECT_EQ(best.tile_macs_per_s, 8);
}

}  // namespace
}  // namespace skald::bench
