// SPDX-License-Identifier: MIT
// Two clocks on one time line, and the way of a job along it.
#include "bench/hops.hpp"

#include <gtest/gtest.h>

#include "libskald/error.hpp"

namespace skald::bench {
namespace {

TEST(BenchCardClock, IsALineThroughTwoReadings) {
    // The card's clock began 1000 ns after ours and runs a thousandth slower.
    const CardClock clock({0, 1000, 3}, {1'000'000, 1'002'000, 5});
    EXPECT_DOUBLE_EQ(clock.to_host(0), 1000);
    EXPECT_DOUBLE_EQ(clock.to_host(1'000'000), 1'002'000);
    EXPECT_DOUBLE_EQ(clock.to_host(500'000), 501'500);
    EXPECT_EQ(clock.error_ns(), 5);
    const CardClock later({500, 1000, 0}, {1500, 2000, 0});
    EXPECT_DOUBLE_EQ(later.to_host(400), 900) << "also before the first reading";
}

TEST(BenchCardClock, AResetMeanwhileIsAnError) {
    EXPECT_THROW(CardClock({500, 0, 0}, {400, 100, 0}), rt::Error);
    EXPECT_THROW(CardClock({500, 0, 0}, {500, 100, 0}), rt::Error);
}

TEST(BenchHops, AddUpToTheWholeWay) {
    const CardClock clock({0, 10'000, 0}, {1000, 11'000, 0});  // the same rate
    drm_skald_job_stamps job{};
    job.submit_ns = 10'010;
    job.pushed_ns = 10'015;
    job.doorbell_ns = 10'030;
    job.card_doorbell_ns = 60;
    job.card_launched_ns = 100;
    job.card_began_ns = 150;
    job.card_ended_ns = 210;
    job.card_written_ns = 280;
    job.interrupt_ns = 10'360;
    job.seen_ns = 10'450;
    const auto hops = hops_of(job, {10'000, 10'550}, clock);
    const std::array<double, kHops> expected{10, 5, 15, 30, 40, 50, 60, 70, 80, 90, 100};
    double sum = 0;
    for (std::size_t i = 0; i < kHops; ++i) {
        EXPECT_DOUBLE_EQ(hops[i], expected[i]) << hop_name(Hop(i));
        sum += hops[i];
    }
    EXPECT_DOUBLE_EQ(sum, 550);

    job.pushed_ns = 0;  // a driver of 1.1
    const auto older = hops_of(job, {10'000, 10'550}, clock);
    EXPECT_DOUBLE_EQ(older[static_cast<std::size_t>(Hop::kIoctl)], 0);
    EXPECT_DOUBLE_EQ(older[static_cast<std::size_t>(Hop::kScheduler)], 20);
}

TEST(BenchHops, EveryHopHasAName) {
    for (std::size_t i = 0; i < kHops; ++i)
        EXPECT_FALSE(hop_name(Hop(i)).empty());
}

}  // namespace
}  // namespace skald::bench
