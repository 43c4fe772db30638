// SPDX-License-Identifier: MIT
// How the next token is chosen. The defaults choose the best one.
#pragma once

#include <cstdint>
#include <string>

#include "skald/isa.hpp"

namespace skald::rt {

struct Sampling {
    float temperature = 0;     // 0, or next to it: the best token
    std::uint32_t top_k = 0;   // 0: off
    float top_p = 1;           // 1: off
    float min_p = 0;           // 0: off
    float repeat_penalty = 1;  // 1: off
    std::uint32_t repeat_last_n = 64;
    std::uint64_t seed = 0;
    std::uint64_t request = 0;  // tells apart requests of one seed
};

// Throws Error naming the parameter that cannot be.
void check(const Sampling& sampling);
void apply(const Sampling& sampling, isa::Sequence& sequence);

}  // namespace skald::rt
