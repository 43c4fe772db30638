// SPDX-License-Identifier: MIT
// What the micro-ops of a job have cost on the modelled chip, in the units of completion records
// (skald/ring.h).
#pragma once

#include <cstdint>

namespace skald::card {

struct Cost {
    std::uint64_t cycles = 0;  // of isa::kClockHz: nanoseconds
    std::uint64_t bytes = 0;   // to and from memory beside the chip
    std::uint64_t energy = 0;  // fJ

    Cost& operator+=(const Cost& other) {
        cycles += other.cycles;
        bytes += other.bytes;
        energy += other.energy;
        return *this;
    }
};

}  // namespace skald::card
