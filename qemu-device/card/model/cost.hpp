// SPDX-License-Identifier: MIT
// What the micro-ops of a job have cost on the modelled chip, in the units of completion records
// (skald/ring.h).
#pragma once

#include <cstdint>

#include "card/model/timeline.hpp"

namespace skald::card {

struct Cost {
    std::uint64_t cycles = 0;  // of isa::kClockHz: nanoseconds
    std::uint64_t bytes = 0;   // to and from memory beside the chip
    model::Fj energy = 0;

    Cost& operator+=(const Cost& other) {
        cycles += other.cycles;
        bytes += other.bytes;
        energy += other.energy;
        return *this;
    }
};

// Of a micro-op after which all ends at `makespan`. Whole cycles of many add up to those of all.
inline Cost cost_of(const model::Timing& timing, const model::Timeline& timeline) {
    constexpr model::Ps kCycle = 1000;
    const model::Ps makespan = timeline.makespan();
    return {.cycles = makespan / kCycle - (makespan - timing.moved) / kCycle,
            .bytes = timing.dram_bytes,
            .energy = timing.dynamic() + timeline.static_energy(timing.moved)};
}

}  // namespace skald::card
