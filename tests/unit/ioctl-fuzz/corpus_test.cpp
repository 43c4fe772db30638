// SPDX-License-Identifier: MIT
#include "corpus.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <set>
#include <vector>

namespace skald::test {
namespace {

Sequence with_seed(std::uint64_t seed, std::size_t steps = 1) {
    return {true, std::vector<Step>(steps, Step{0, 0, seed, 0})};
}

// The status of a child that does this.
template <typename F>
int in_a_child(F&& what) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        what();
        ::_exit(0);
    }
    int status = -1;
    ::waitpid(pid, &status, 0);
    return status;
}

TEST(PlaceSet, TakesEachPlaceOnce) {
    const Shared<PlaceSet> set;
    EXPECT_TRUE(set->insert(0xffffffffc0001000));
    EXPECT_FALSE(set->insert(0xffffffffc0001000));
    EXPECT_TRUE(set->insert(0xffffffffc0001005));
    EXPECT_EQ(set->size(), 2u);
}

TEST(PlaceSet, FillsUpAndEndsThere) {
    const Shared<PlaceSet> set;
    for (std::uint64_t i = 1; i <= PlaceSet::kMost; ++i)
        ASSERT_TRUE(set->insert(i)) << i;
    EXPECT_FALSE(set->insert(PlaceSet::kMost + 1));
    EXPECT_FALSE(set->insert(1));
    EXPECT_EQ(set->size(), PlaceSet::kMost);
}

// Of several processes that come to the same places, one is the first at each.
TEST(PlaceSet, IsSharedByProcesses) {
    const Shared<PlaceSet> set;
    const Shared<std::atomic<unsigned>> firsts;
    std::vector<pid_t> children;
    for (int child = 0; child < 4; ++child) {
        children.push_back(::fork());
        if (children.back() == 0) {
            for (std::uint64_t i = 1; i <= 10000; ++i)
                *firsts += set->insert(i * 16);
            ::_exit(0);
        }
    }
    for (const pid_t pid : children) {
        int status = -1;
        ASSERT_EQ(::waitpid(pid, &status, 0), pid);
        ASSERT_EQ(status, 0);
    }
    EXPECT_EQ(*firsts, 10000u);
    EXPECT_EQ(set->size(), 10000u);
}

TEST(Corpus, GivesBackWhatItKeeps) {
    const Shared<Corpus> corpus;
    Random random(1);
    EXPECT_FALSE(corpus->pick(random));
    Sequence kept = with_seed(5, 3);
    kept.begins = false;
    kept.steps[1] = {2, 3, 4, 5};
    EXPECT_TRUE(corpus->keep(kept));
    EXPECT_EQ(corpus->pick(random), kept);
}

TEST(Corpus, GivesEachOfThem) {
    const Shared<Corpus> corpus;
    Random random(1);
    for (std::uint64_t seed = 0; seed < 100; ++seed)
        ASSERT_TRUE(corpus->keep(with_seed(seed)));
    std::set<std::uint64_t> seeds;
    for (int i = 0; i < 5000; ++i)
        seeds.insert(corpus->pick(random).value().steps.front().seed);
    EXPECT_EQ(seeds.size(), 100u);
}

TEST(Corpus, KeepsNothingThatIsEmptyOrTooLong) {
    const Shared<Corpus> corpus;
    EXPECT_FALSE(corpus->keep(with_seed(1, 0)));
    EXPECT_TRUE(corpus->keep(with_seed(1, Sequence::kMost)));
    EXPECT_FALSE(corpus->keep(with_seed(1, Sequence::kMost + 1)));
    EXPECT_EQ(corpus->size(), 1u);
}

TEST(Corpus, FillsUpAndGoesOn) {
    const Shared<Corpus> corpus;
    Random random(1);
    for (std::size_t i = 0; i < Corpus::kMost; ++i)
        ASSERT_TRUE(corpus->keep(with_seed(i)));
    EXPECT_FALSE(corpus->keep(with_seed(0)));
    EXPECT_EQ(corpus->size(), Corpus::kMost);
    EXPECT_TRUE(corpus->pick(random));
}

TEST(Corpus, IsSharedByProcesses) {
    const Shared<Corpus> corpus;
    Random random(1);
    ASSERT_EQ(in_a_child([&] { corpus->keep(with_seed(9)); }), 0);
    EXPECT_EQ(corpus->pick(random), with_seed(9));
}

// Wherever one is killed, nobody waits for it, and nobody gets half of what it wrote.
TEST(Corpus, OutlivesAProcessThatIsKilledInTheMiddle) {
    const Shared<std::atomic<unsigned>> begun;
    Random random(1);
    for (int round = 0; round < 20; ++round) {
        const Shared<Corpus> corpus;
        *begun = 0;
        const pid_t pid = ::fork();
        if (pid == 0)
            for (std::uint64_t seed = 1;; ++seed) {
                corpus->keep(with_seed(seed, 100));
                *begun = 1;
            }
        while (*begun == 0)
            ::usleep(10);
        ::kill(pid, SIGKILL);
        int status = 0;
        ASSERT_EQ(::waitpid(pid, &status, 0), pid);
        for (int i = 0; i < 200; ++i)
            if (const auto picked = corpus->pick(random)) {
                ASSERT_EQ(picked->steps, with_seed(picked->steps[0].seed, 100).steps);
            }
    }
}

}  // namespace
}  // namespace skald::test
