// SPDX-License-Identifier: MIT
// Every item is done once, by whoever; helpers come, sleep, wake and go.
#include "card/pool/worker_pool.hpp"

#include <gtest/gtest.h>
#include <xmmintrin.h>

#include <chrono>
#include <ctime>
#include <new>
#include <set>
#include <thread>

#include "skald/regs.h"

namespace skald::card {
namespace {

TEST(WorkerPool, DoesEveryItemOnce) {
    for (unsigned threads : {1u, 2u, 3u, 8u}) {
        WorkerPool::Seat seat(WorkerPool::shared(), threads);
        Worker self(true);
        for (std::uint64_t items : {0u, 1u, 2u, 7u, 1000u}) {
            std::vector<std::atomic<int>> done(items);
            auto work = [&](Worker&, std::uint64_t item) { done[item].fetch_add(1); };
            seat.run(self, items, work);
            for (auto& count : done)
                EXPECT_EQ(count.load(), 1);
        }
    }
}

TEST(WorkerPool, ManySmallRunsInARow) {
    WorkerPool::Seat seat(WorkerPool::shared(), 3);
    Worker self(true);
    std::uint64_t total = 0;
    for (int round = 0; round < 5000; ++round) {
        std::atomic<std::uint64_t> sum{0};
        auto work = [&](Worker&, std::uint64_t item) { sum.fetch_add(item + 1); };
        seat.run(self, 10, work);
        total += sum.load();
    }
    EXPECT_EQ(total, 5000u * 55);
}

TEST(WorkerPool, AnItemWithoutMemoryEndsTheRunAndNothingElse) {
    for (unsigned threads : {1u, 2u, 8u}) {
        WorkerPool::Seat seat(WorkerPool::shared(), threads);
        Worker self(true);
        for (int round = 0; round < 200; ++round) {
            std::atomic<int> inside{0};
            auto fails = [&](Worker&, std::uint64_t item) {
                inside.fetch_add(1);
                if (item % 7 == 3) {
                    inside.fetch_sub(1);
                    throw std::bad_alloc();
                }
                inside.fetch_sub(1);
            };
            EXPECT_THROW(seat.run(self, 100, fails), std::bad_alloc);
            EXPECT_EQ(inside.load(), 0) << "a helper is still at it";
            std::atomic<int> done{0};
            auto works = [&](Worker&, std::uint64_t) { done.fetch_add(1); };
            seat.run(self, 100, works);
            EXPECT_EQ(done.load(), 100);
        }
    }
}

TEST(WorkerPool, HelpersTakePartAndWakeFromSleep) {
    WorkerPool::Seat seat(WorkerPool::shared(), 2);
    Worker self(true);
    for (int round = 0; round < 3; ++round) {
        // Both items wait for each other: only two threads at once can end this.
        std::atomic<int> arrived{0};
        auto work = [&](Worker&, std::uint64_t) {
            arrived.fetch_add(1);
            while (arrived.load() < 2)
                std::this_thread::yield();
        };
        seat.run(self, 2, work);
        EXPECT_EQ(arrived.load(), 2);
        std::this_thread::sleep_for(std::chrono::milliseconds(2));  // let the helper fall asleep
    }
}

TEST(WorkerPool, HelpersWithoutWorkSleep) {
    WorkerPool::Seat seat(WorkerPool::shared(), 2);
    Worker self(true);
    auto work = [](Worker&, std::uint64_t) {};
    seat.run(self, 2, work);
    const auto cpu_time = [] {
        timespec t{};
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
    };
    while (seat.awake())
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    // This thread sleeps as well: whatever the machine does meanwhile, nobody here computes.
    const auto before = cpu_time();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    EXPECT_LT(cpu_time() - before, std::chrono::milliseconds(20));
    EXPECT_FALSE(seat.awake());
}

TEST(WorkerPool, EnginesShareTheHelpers) {
    const auto pool = WorkerPool::shared();
    std::vector<std::thread> engines;
    std::atomic<std::uint64_t> sum{0};
    for (int engine = 0; engine < 4; ++engine)
        engines.emplace_back([&] {
            WorkerPool::Seat seat(pool, 3);
            Worker self(true);
            auto work = [&](Worker&, std::uint64_t item) { sum.fetch_add(item); };
            for (int round = 0; round < 500; ++round)
                seat.run(self, 20, work);
        });
    for (std::thread& engine : engines)
        engine.join();
    EXPECT_EQ(sum.load(), 4u * 500 * 190);
}

TEST(WorkerPool, ASeatIsNoWiderThanTheCardCanTell) {
    WorkerPool::Seat seat(WorkerPool::shared(), 1000);
    EXPECT_EQ(seat.threads(), SKALD_ENGINE_THREADS_MAX);
}

TEST(WorkerPool, NeverMoreThreadsThanTheSeatAllows) {
    WorkerPool::Seat wide(WorkerPool::shared(), 8);  // makes helpers
    WorkerPool::Seat seat(WorkerPool::shared(), 2);
    Worker self(true);
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    auto work = [&](Worker&, std::uint64_t) {
        const int now = inside.fetch_add(1) + 1;
        int seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        for (int i = 0; i < 1000; ++i)
            _mm_pause();
        inside.fetch_sub(1);
    };
    for (int round = 0; round < 200; ++round)
        seat.run(self, 16, work);
    EXPECT_LE(most.load(), 2);
}

TEST(WorkerPool, WorkersKeepSubnormalsAndRoundToNearest) {
    WorkerPool::Seat seat(WorkerPool::shared(), 3);
    Worker self(true);
    enter_float_environment();
    std::atomic<bool> good{true};
    auto work = [&](Worker&, std::uint64_t) {
        constexpr unsigned kFlushAndRounding = 0x8040 | 0x6000;
        if ((_mm_getcsr() & kFlushAndRounding) != 0)
            good.store(false);
    };
    for (int round = 0; round < 100; ++round)
        seat.run(self, 30, work);
    EXPECT_TRUE(good.load());
}

}  // namespace
}  // namespace skald::card
