// SPDX-License-Identifier: MIT
// The modelled cost of micro-ops (uapi/doc/isa.md, "Rules for all", Cost). The only place in code
// where a figure of the modelled chip is written down. All of them are assumed, for a 7 nm part
// with HBM; none is a measurement, and host time has no part in them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "skald/isa_table.hpp"

namespace skald::card {

// Multiply-accumulates per cycle, and energy in hundredths of a picojoule each.
struct MacRate {
    std::uint64_t per_cycle;
    std::uint64_t energy;
};
constexpr MacRate mac_rate(isa::MacKind kind) {
    constexpr MacRate kRates[] = {
        {16384, 10},  // Int8
        {32768, 5},   // Narrow
        {4096, 40},   // F16
        {1024, 120},  // F32
        {4096, 40},   // Attention
    };
    return kRates[static_cast<std::size_t>(kind)];
}

inline constexpr std::uint64_t kOverheadCycles = 16;   // of every micro-op but control ones
inline constexpr std::uint64_t kVectorPerCycle = 256;  // element operations: `vec` of isa.md
inline constexpr std::uint64_t kBytesPerCycle = 512;   // to and from card memory
inline constexpr std::uint64_t kVectorEnergy = 100;    // hundredths of a picojoule
inline constexpr std::uint64_t kByteEnergy = 3000;     // likewise

// What a micro-op or a job has cost.
struct Cost {
    std::uint64_t cycles = 0;
    std::uint64_t bytes = 0;
    std::uint64_t energy = 0;  // hundredths of a picojoule

    Cost& operator+=(const Cost& other) {
        cycles += other.cycles;
        bytes += other.bytes;
        energy += other.energy;
        return *this;
    }
};

constexpr Cost control_cost() {
    return {.cycles = 1, .bytes = 0, .energy = 0};
}

constexpr Cost cost_of(const isa::Work& work) {
    const MacRate rate = mac_rate(work.kind);
    const std::uint64_t bytes = work.bytes();
    const std::uint64_t busiest =
        std::max({isa::ceil_div(work.macs, rate.per_cycle),
                  isa::ceil_div(work.vec, kVectorPerCycle), isa::ceil_div(bytes, kBytesPerCycle)});
    return {.cycles = kOverheadCycles + busiest,
            .bytes = bytes,
            .energy = work.macs * rate.energy + work.vec * kVectorEnergy + bytes * kByteEnergy};
}

constexpr Cost cost_of(const isa::OpInfo& info, const isa::MicroOp& op, const isa::Counts& counts) {
    return info.costs ? cost_of(info.work(op, counts)) : control_cost();
}

}  // namespace skald::card
