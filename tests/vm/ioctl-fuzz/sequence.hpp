// SPDX-License-Identifier: MIT
// A sequence of calls that can be made again, and what can be made of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "random.hpp"

namespace skald::test {

// A call and all its choices: what the seed draws, but for one draw.
struct Step {
    std::uint32_t call = 0;     // in the list of calls
    std::uint32_t twisted = 0;  // which draw is another, from 1; 0: none
    std::uint64_t seed = 0;
    std::uint64_t twist = 0;  // what is drawn there

    bool operator==(const Step&) const = default;
};

// What a client does from open to close.
struct Sequence {
    static constexpr std::size_t kMost = 256;

    bool begins = true;  // with what most programs begin with
    std::vector<Step> steps;

    bool operator==(const Sequence&) const = default;
};

// Makes sequences: of nothing, or of others.
class Breeder {
  public:
    // How often each call is to come.
    explicit Breeder(std::span<const unsigned> weights) : calls_(weights.begin(), weights.end()) {}

    Step step(Random& random) { return {calls_(random), 0, random(), 0}; }
    Sequence fresh(Random& random);
    // Some small changes to the one, parts of the other among them. Never empty, never too long.
    Sequence changed(Sequence one, const Sequence& other, Random& random);

  private:
    void change(Sequence& one, const Sequence& other, Random& random);
    std::discrete_distribution<std::uint32_t> calls_;
};

}  // namespace skald::test
