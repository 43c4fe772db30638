// SPDX-License-Identifier: MIT
// Philox4x32-10, the counter-based random numbers of Salmon et al. ("Parallel random numbers: as
// easy as 1, 2, 3", SC 2011), as SAMPLE uses them. Multipliers and key steps (the golden ratio and
// sqrt(3) - 1, in 32 bits) are the paper's; word 0 of counter, key and result comes first.
#pragma once

#include <array>
#include <cstdint>

namespace skald::card::compute {

constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                              std::array<std::uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t a = 0xd2511f53ull * counter[0];
        const std::uint64_t b = 0xcd9e8d57ull * counter[2];
        counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0],
                   static_cast<std::uint32_t>(b),
                   static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1],
                   static_cast<std::uint32_t>(a)};
        key[0] += 0x9e3779b9u;
        key[1] += 0xbb67ae85u;
    }
    return counter;
}

}  // namespace skald::card::compute
