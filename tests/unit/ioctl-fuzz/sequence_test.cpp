// SPDX-License-Identifier: MIT
#include "sequence.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>

namespace skald::test {
namespace {

constexpr std::array<unsigned, 3> kWeights = {1, 0, 3};

bool twisted(const Step& step) {
    return step.twisted != 0;
}

Sequence of_length(Breeder& breeder, Random& random, std::size_t length) {
    Sequence made;
    while (made.steps.size() < length)
        made.steps.push_back(breeder.step(random));
    return made;
}

// The first outputs for the seed 1234567, as published with the generator.
TEST(Random, IsSplitMix64) {
    Random random(1234567);
    EXPECT_EQ(random(), 6457827717110365317u);
    EXPECT_EQ(random(), 3203168211198807973u);
    EXPECT_EQ(random(), 9817491932198370423u);
}

TEST(Breeder, ComesToCallsAsOftenAsTheyWeigh) {
    Breeder breeder(kWeights);
    Random random(1);
    std::map<std::uint32_t, int> times;
    for (int i = 0; i < 4000; ++i)
        ++times[breeder.step(random).call];
    EXPECT_EQ(times.size(), 2u);
    EXPECT_NEAR(times[0], 1000, 120);
    EXPECT_NEAR(times[2], 3000, 120);
}

TEST(Breeder, DoesTheSameAgainFromTheSameSeed) {
    const auto breed = [](std::uint64_t seed) {
        Breeder breeder(kWeights);
        Random random(seed);
        const Sequence one = breeder.fresh(random), other = breeder.fresh(random);
        return breeder.changed(one, other, random);
    };
    EXPECT_EQ(breed(7), breed(7));
    EXPECT_NE(breed(7), breed(8));
}

TEST(Breeder, KeepsMostOfWhatItChanges) {
    Breeder breeder(kWeights);
    Random random(2);
    const Sequence one = of_length(breeder, random, 100);
    int mostly_kept = 0;
    for (int i = 0; i < 1000; ++i) {
        const Sequence made = breeder.changed(one, {}, random);
        const auto kept = std::ranges::count_if(one.steps, [&](const Step& step) {
            return std::ranges::find(made.steps, step) != made.steps.end();
        });
        mostly_kept += kept >= 60;
    }
    EXPECT_GT(mostly_kept, 700);
}

TEST(Breeder, MakesEachKindOfChange) {
    Breeder breeder(kWeights);
    Random random(3);
    const Sequence one = of_length(breeder, random, 20), other = of_length(breeder, random, 20);
    bool longer = false, shorter = false, twists = false, otherwise_begun = false, parts = false;
    for (int i = 0; i < 2000; ++i) {
        const Sequence made = breeder.changed(one, other, random);
        longer |= made.steps.size() > 20;
        shorter |= made.steps.size() < 20;
        twists |= std::ranges::any_of(made.steps, twisted);
        otherwise_begun |= made.begins != one.begins;
        parts |= made.steps.back() == other.steps.back();
    }
    EXPECT_TRUE(longer);
    EXPECT_TRUE(shorter);
    EXPECT_TRUE(twists);
    EXPECT_TRUE(otherwise_begun);
    EXPECT_TRUE(parts);
}

// Whatever it was given, for ever.
TEST(Breeder, MakesNothingEmptyOrTooLong) {
    Breeder breeder(kWeights);
    Random random(4);
    Sequence made, other = of_length(breeder, random, Sequence::kMost);
    for (int i = 0; i < 20000; ++i) {
        made = breeder.changed(made, i % 2 != 0 ? other : Sequence{}, random);
        ASSERT_FALSE(made.steps.empty());
        ASSERT_LE(made.steps.size(), Sequence::kMost);
        ASSERT_FALSE(breeder.fresh(random).steps.empty());
    }
}

}  // namespace
}  // namespace skald::test
