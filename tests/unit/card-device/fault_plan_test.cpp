// SPDX-License-Identifier: MIT
// Plans of faults on purpose: what a text means, what is refused and with which words, and which
// chances are taken.
#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

#include "card/faults/draw.hpp"
#include "card/faults/injector.hpp"

namespace skald::card {
namespace {

FaultRule rule(const std::string& text, FaultClass fault) {
    const auto parsed = parse_fault_plan(text).rule(fault);
    EXPECT_TRUE(parsed) << text;
    return parsed.value_or(FaultRule{});
}

// The chances of the first n that are taken.
std::vector<std::uint64_t> taken(FaultInjector& faults, FaultClass fault, std::uint64_t n) {
    std::vector<std::uint64_t> chances;
    for (std::uint64_t chance = 1; chance <= n; ++chance)
        if (faults.hit(fault))
            chances.push_back(chance);
    return chances;
}

std::vector<std::uint64_t> taken(const std::string& text, FaultClass fault, std::uint64_t n) {
    FaultInjector faults;
    faults.arm(parse_fault_plan(text));
    return taken(faults, fault, n);
}

std::string refusal(const std::string& text) {
    try {
        (void)parse_fault_plan(text);
        return "";
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
}

TEST(FaultPlan, NothingIsNoFault) {
    EXPECT_EQ(parse_fault_plan(""), FaultPlan{});
}

TEST(FaultPlan, EveryClassIsFoundByItsName) {
    for (std::size_t i = 0; i < kFaultClasses; ++i) {
        const auto fault = static_cast<FaultClass>(i);
        const FaultPlan plan = parse_fault_plan(std::string(name(fault)));
        for (std::size_t other = 0; other < kFaultClasses; ++other)
            EXPECT_EQ(plan.rules[other].has_value(), other == i) << name(fault);
        EXPECT_EQ(plan.rule(fault)->times, 1u) << "alone: the next chance, once";
    }
}

TEST(FaultPlan, KeysMeanWhatTheySay) {
    const FaultPlan plan =
        parse_fault_plan("seed=77;dma-error:p=0.25:after=3:times=9;memory-slow:every=5:factor=20");
    EXPECT_EQ(plan.seed, 77u);
    const FaultRule dma{.after = 3, .every = 1, .probability = 0.25, .times = 9, .factor = 1};
    EXPECT_EQ(plan.rule(FaultClass::kDmaError), dma);
    const FaultRule slow{.after = 5, .every = 5, .probability = {}, .factor = 20};
    EXPECT_EQ(plan.rule(FaultClass::kMemorySlow), slow);
    EXPECT_EQ(rule("memory-slow:p=1", FaultClass::kMemorySlow).factor, 10u);
    EXPECT_EQ(parse_fault_plan("irq-lost;seed=18446744073709551615").seed, ~0ull);
}

struct Bad {
    const char* text;
    const char* part;     // named by the sentence
    const char* allowed;  // so is this
};

TEST(FaultPlan, ABadOneIsRefusedWithItsPartAndWhatIsAllowed) {
    const Bad all[] = {
        {"meteor", "'meteor'", "engine-hang, core-hang, core-crash"},
        {"irq-lost;meteor:p=1", "'meteor:p=1'", "no such class"},
        {";", "''", "no such class"},
        {"irq-lost;", "''", "no such class"},
        {"irq-lost:", "'irq-lost:'", "after=, every=, p= and times="},
        {"irq-lost:when=3", "'irq-lost:when=3'", "no key 'when'"},
        {"irq-lost:factor=3", "'irq-lost:factor=3'", "factor= of memory-slow"},
        {"irq-lost:after=0", "'irq-lost:after=0'", "1 at least"},
        {"irq-lost:after=-1", "'irq-lost:after=-1'", "1 at least"},
        {"irq-lost:after", "'irq-lost:after'", "1 at least"},
        {"irq-lost:after=1x", "'irq-lost:after=1x'", "1 at least"},
        {"irq-lost:times=99999999999999999999", "'irq-lost:times=99999999999999999999'",
         "whole number"},
        {"irq-lost:p=0", "'irq-lost:p=0'", "more than 0 and at most 1"},
        {"irq-lost:p=1.5", "'irq-lost:p=1.5'", "at most 1"},
        {"irq-lost:p=nan", "'irq-lost:p=nan'", "at most 1"},
        {"irq-lost:p=", "'irq-lost:p='", "at most 1"},
        {"irq-lost:p=0.1:every=2", "'irq-lost:p=0.1:every=2'", "exclude each other"},
        {"irq-lost:after=1:after=2", "'irq-lost:after=1:after=2'", "after is said twice"},
        {"irq-lost;irq-lost", "'irq-lost'", "named twice"},
        {"memory-slow:factor=1", "'memory-slow:factor=1'", "from 2 to 1000"},
        {"memory-slow:factor=1001", "'memory-slow:factor=1001'", "from 2 to 1000"},
        {"seed=", "'seed='", "whole number"},
        {"seed=1;seed=2", "'seed=2'", "seed is said twice"},
    };
    for (const Bad& bad : all) {
        EXPECT_NE(refusal(bad.text).find(bad.part), std::string::npos)
            << bad.text << ": " << refusal(bad.text);
        EXPECT_NE(refusal(bad.text).find(bad.allowed), std::string::npos)
            << bad.text << ": " << refusal(bad.text);
    }
}

TEST(FaultPlan, ALongPartIsQuotedInShort) {
    const std::string sentence = refusal(std::string(5000, 'x'));
    EXPECT_LT(sentence.size(), 256u) << "the C edge cuts there";
    EXPECT_NE(sentence.find("..."), std::string::npos);
}

using Chances = std::vector<std::uint64_t>;

TEST(FaultDraw, AfterEveryAndTimesCountChances) {
    constexpr auto fault = FaultClass::kIrqLost;
    EXPECT_EQ(taken("irq-lost", fault, 10), Chances({1}));
    EXPECT_EQ(taken("irq-lost:after=4", fault, 10), Chances({4}));
    EXPECT_EQ(taken("irq-lost:after=4:times=3", fault, 10), Chances({4, 5, 6}));
    EXPECT_EQ(taken("irq-lost:every=3", fault, 10), Chances({3, 6, 9}));
    EXPECT_EQ(taken("irq-lost:every=3:times=2", fault, 10), Chances({3, 6}));
    EXPECT_EQ(taken("irq-lost:every=4:after=1", fault, 10), Chances({1, 5, 9}));
    EXPECT_EQ(taken("irq-lost:p=1:after=8", fault, 10), Chances({8, 9, 10}));
    EXPECT_EQ(taken("irq-lost", FaultClass::kIrqDoubled, 10), Chances());
}

TEST(FaultDraw, TheSameSeedTakesTheSameChances) {
    constexpr auto fault = FaultClass::kDmaError;
    const auto one = taken("seed=5;dma-error:p=0.1", fault, 10000);
    EXPECT_EQ(taken("seed=5;dma-error:p=0.1", fault, 10000), one);
    EXPECT_NE(taken("seed=6;dma-error:p=0.1", fault, 10000), one);
    EXPECT_GT(one.size(), 900u);
    EXPECT_LT(one.size(), 1100u);
}

TEST(FaultDraw, AClassIsNotMovedByAnother) {
    FaultInjector faults;
    faults.arm(parse_fault_plan("seed=5;dma-error:p=0.1;irq-lost:p=0.5"));
    Chances one;
    for (std::uint64_t chance = 1; chance <= 1000; ++chance) {
        (void)faults.hit(FaultClass::kIrqLost);
        if (faults.hit(FaultClass::kDmaError))
            one.push_back(chance);
    }
    EXPECT_EQ(taken("seed=5;dma-error:p=0.1", FaultClass::kDmaError, 1000), one);
    EXPECT_NE(taken("seed=5;irq-lost:p=0.1", FaultClass::kIrqLost, 1000), one);
}

TEST(FaultDraw, SplitMix64IsTheOneThatIsKnown) {
    // The generator's published first three outputs for the seed 1234567.
    EXPECT_EQ(splitmix64(1234567, 1), 6457827717110365317u);
    EXPECT_EQ(splitmix64(1234567, 2), 3203168211198807973u);
    EXPECT_EQ(splitmix64(1234567, 3), 9817491932198370423u);
}

TEST(FaultInjector, TheTallySaysHowOftenEachClassOfThePlanHappened) {
    FaultInjector faults;
    EXPECT_EQ(to_text(faults.tally()), "");
    faults.arm(parse_fault_plan("irq-lost:every=3;removal:after=2"));
    (void)taken(faults, FaultClass::kIrqLost, 10);
    (void)taken(faults, FaultClass::kRemoval, 10);
    EXPECT_EQ(to_text(faults.tally()), "irq-lost:chances=10:hits=3;removal:chances=2:hits=1");
}

TEST(FaultInjector, NoPlanEndsTheFaultsAndKeepsTheTally) {
    FaultInjector faults;
    faults.arm(parse_fault_plan("irq-lost:every=1"));
    (void)taken(faults, FaultClass::kIrqLost, 3);
    faults.arm({});
    EXPECT_FALSE(faults.hit(FaultClass::kIrqLost));
    EXPECT_EQ(to_text(faults.tally()), "irq-lost:chances=3:hits=3");
    faults.arm(parse_fault_plan("irq-lost:after=2"));
    EXPECT_EQ(to_text(faults.tally()), "irq-lost:chances=0:hits=0");
}

TEST(FaultInjector, EachHitIsLoggedWithItsChance) {
    std::vector<std::string> lines;
    FaultInjector faults([&](const char* text) { lines.emplace_back(text); });
    faults.arm(parse_fault_plan("ecc-fatal:after=7"));
    (void)taken(faults, FaultClass::kEccFatal, 10);
    EXPECT_EQ(lines, std::vector<std::string>{"fault on purpose: ecc-fatal, chance 7"});
}

TEST(FaultInjector, ThreadsTogetherTakeWhatOneWouldTake) {
    constexpr std::uint64_t kChances = 40000;
    const auto alone = taken("seed=3;irq-lost:p=0.01", FaultClass::kIrqLost, kChances);
    FaultInjector faults;
    faults.arm(parse_fault_plan("seed=3;irq-lost:p=0.01"));
    const auto ask = [&] {
        for (std::uint64_t chance = 0; chance < kChances / 2; ++chance)
            (void)faults.hit(FaultClass::kIrqLost);
    };
    std::thread other(ask);
    ask();
    other.join();
    EXPECT_EQ(faults.tally(),
              std::vector({FaultCount{FaultClass::kIrqLost, kChances, alone.size()}}));
}

}  // namespace
}  // namespace skald::card
