// SPDX-License-Identifier: MIT
// Whether a chance is taken: a function of the plan's seed, the class and the chance's number, and
// of nothing else, so that a plan does the same again however threads take turns.
#pragma once

#include <cstdint>

#include "card/faults/plan.hpp"

namespace skald::card {

// SplitMix64: number n of the sequence that begins at a state.
constexpr std::uint64_t splitmix64(std::uint64_t state, std::uint64_t n) {
    std::uint64_t z = state + n * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

// Each class has a sequence of its own: one more fault in a plan leaves the others as they were.
constexpr std::uint64_t fault_sequence(std::uint64_t seed, FaultClass fault) {
    return splitmix64(splitmix64(seed, 1), 1 + static_cast<std::uint64_t>(fault));
}

constexpr bool takes_chance(const FaultRule& rule, std::uint64_t sequence, std::uint64_t chance) {
    if (chance < rule.after)
        return false;
    if (!rule.probability)
        return (chance - rule.after) % rule.every == 0;
    constexpr double kUnit = 1.0 / (1ull << 53);
    return static_cast<double>(splitmix64(sequence, chance) >> 11) * kUnit < *rule.probability;
}

}  // namespace skald::card
