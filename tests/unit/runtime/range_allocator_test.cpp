// SPDX-License-Identifier: MIT
#include "libskald/range_allocator.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <iterator>
#include <map>
#include <random>

namespace skald::rt {
namespace {

TEST(RangeAllocator, GivesAlignedRangesAndMergesWhatComesBack) {
    RangeAllocator ranges(0x1000, 0x10000);
    const auto a = ranges.take(0x1000, 0x1000);
    const auto b = ranges.take(0x4000, 0x4000);
    ASSERT_TRUE(a && b);
    EXPECT_EQ(*a, 0x1000u);
    EXPECT_EQ(*b % 0x4000, 0u);
    ranges.give(*a, 0x1000);
    ranges.give(*b, 0x4000);
    EXPECT_EQ(ranges.free_bytes(), 0xf000u);
    EXPECT_EQ(ranges.take(0xf000, 0x1000), 0x1000u);
}

TEST(RangeAllocator, HasNothingWhenNoGapIsLargeEnough) {
    RangeAllocator ranges(0x1000, 0x4000);
    const auto first = ranges.take(0x1000, 0x1000);
    (void)ranges.take(0x1000, 0x1000);
    ranges.give(*first, 0x1000);
    EXPECT_EQ(ranges.free_bytes(), 0x2000u);
    EXPECT_FALSE(ranges.take(0x2000, 0x1000));  // free, but in two pieces
    EXPECT_FALSE(ranges.take(0x1000, 1ull << 63));
}

TEST(RangeAllocator, NeverGivesAByteTwice) {
    RangeAllocator ranges(0x1000, 0x200000);
    std::map<std::uint64_t, std::uint64_t> taken;
    std::mt19937 random(1);
    for (int i = 0; i < 5000; i++) {
        if (random() % 3 != 0) {
            const std::uint64_t bytes = (1 + random() % 16) * 0x1000;
            const auto at = ranges.take(bytes, 0x1000ull << random() % 4);
            if (!at)
                continue;
            const auto next = taken.lower_bound(*at);
            ASSERT_TRUE(next == taken.end() || next->first >= *at + bytes);
            ASSERT_TRUE(next == taken.begin() ||
                        std::prev(next)->first + std::prev(next)->second <= *at);
            taken[*at] = bytes;
        } else if (!taken.empty()) {
            auto victim = taken.begin();
            std::advance(victim, random() % taken.size());
            ranges.give(victim->first, victim->second);
            taken.erase(victim);
        }
    }
    for (const auto& [at, bytes] : taken)
        ranges.give(at, bytes);
    EXPECT_EQ(ranges.take(0x1ff000, 0x1000), 0x1000u);
}

}  // namespace
}  // namespace skald::rt
