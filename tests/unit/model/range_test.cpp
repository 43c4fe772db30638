// SPDX-License-Identifier: MIT
// Ranges are compared exactly, channels give out each moment once: both against counting.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "card/model/channel.hpp"
#include "card/model/range.hpp"

namespace skald::test {
namespace {

using card::model::Channel;
using card::model::make_range;
using card::model::Range;

std::set<std::uint64_t> bytes_of(const Range& range) {
    std::set<std::uint64_t> all;
    for (std::uint64_t row = 0; row < range.rows; ++row)
        for (std::uint64_t i = 0; i < range.width; ++i)
            all.insert(range.va + row * range.pitch + i);
    return all;
}

class Random {
  public:
    std::uint64_t upto(std::uint64_t most) { return engine_() % (most + 1); }
    Range range() {
        const std::uint64_t width = 1 + upto(8);
        return make_range(100 + upto(60), width + (upto(3) == 0 ? 0 : upto(20)), width, upto(7));
    }

  private:
    std::mt19937_64 engine_{1};
};

TEST(Range, OverlapsWhereAByteIsInBoth) {
    Random random;
    unsigned meeting = 0;
    for (int i = 0; i < 200000; ++i) {
        const Range a = random.range(), b = random.range();
        const auto in_a = bytes_of(a);
        bool common = false;
        for (const std::uint64_t byte : bytes_of(b))
            common = common || in_a.contains(byte);
        ASSERT_EQ(card::model::overlap(a, b), common)
            << a.va << "+" << a.pitch << "x" << a.rows << " w" << a.width << ", " << b.va << "+"
            << b.pitch << "x" << b.rows << " w" << b.width;
        meeting += common ? 1 : 0;
    }
    EXPECT_GT(meeting, 20000u);
    EXPECT_LT(meeting, 180000u);
}

TEST(Range, CoversWhereAllBytesAre) {
    Random random;
    unsigned covered = 0;
    for (int i = 0; i < 100000; ++i) {
        const Range a = random.range(), b = random.range();
        if (!card::model::covers(a, b))
            continue;
        ++covered;
        const auto in_a = bytes_of(a);
        for (const std::uint64_t byte : bytes_of(b))
            ASSERT_TRUE(in_a.contains(byte));
    }
    EXPECT_GT(covered, 100u);
    EXPECT_TRUE(card::model::covers(make_range(0, 64, 64, 4), make_range(64, 64, 64, 2)));
    EXPECT_TRUE(card::model::covers(make_range(0, 64, 48, 4), make_range(80, 64, 16, 3)));
    EXPECT_FALSE(card::model::covers(make_range(0, 64, 48, 4), make_range(80, 64, 33, 3)));
}

// Tables of many rows at two pitches are no reason to look at each row.
TEST(Range, ManyRowsAtTwoPitchesAreComparedAtOnce) {
    const Range a = make_range(0, 1048575, 1, 1u << 20);
    const Range b = make_range(7, 1048573, 1, 1u << 20);
    // 7 + 1048573 j = 1048575 i has its least solution beyond the tables or within: by modulus.
    bool met = false;
    for (std::uint64_t j = 0; j < 1u << 20 && !met; ++j)
        met = (7 + 1048573 * j) % 1048575 == 0 && (7 + 1048573 * j) / 1048575 < 1u << 20;
    for (int i = 0; i < 100000; ++i)
        ASSERT_EQ(card::model::overlap(a, b), met);
}

TEST(Channel, GivesOutEachMomentOnceAndTheEarliestFirst) {
    std::mt19937_64 random(1);
    for (int round = 0; round < 300; ++round) {
        Channel channel;
        std::vector<bool> taken(4000);
        card::model::Ps floor = 0;
        for (int i = 0; i < 60; ++i) {
            const card::model::Ps earliest = floor + random() % 200;
            const card::model::Ps time = random() % 30;
            card::model::Ps left = time, at = earliest, begin = earliest, end = earliest;
            for (bool first = true; left != 0; ++at) {
                if (taken[at])
                    continue;
                taken[at] = true;
                begin = first ? at : begin;
                first = false;
                end = at + 1;
                --left;
            }
            const auto span = channel.reserve(earliest, time);
            ASSERT_EQ(span.begin, begin);
            ASSERT_EQ(span.end, end);
            if (random() % 4 == 0) {
                floor += random() % 40;
                channel.settle(floor);
            }
        }
    }
}

}  // namespace
}  // namespace skald::test
