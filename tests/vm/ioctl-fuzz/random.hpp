// SPDX-License-Identifier: MIT
// SplitMix64: the standard's engines of 64 bits cost more to seed than a call costs, and each call
// has a seed of its own.
#pragma once

#include <cstdint>
#include <limits>

namespace skald::test {

class Random {
  public:
    using result_type = std::uint64_t;
    explicit Random(std::uint64_t seed) : state_(seed) {}

    static constexpr result_type min() { return 0; }
    static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }
    result_type operator()() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    // 0 .. end - 1
    std::uint64_t below(std::uint64_t end) { return (*this)() % end; }
    bool one_in(std::uint64_t n) { return below(n) == 0; }

  private:
    std::uint64_t state_;
};

}  // namespace skald::test
