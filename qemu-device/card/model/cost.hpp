// SPDX-License-Identifier: MIT
// The modelled cost of micro-ops (uapi/doc/isa.md, "Rules for all", Cost). The only place in code
// where a figure of the modelled chip is written down. All of them are assumed, for a 7 nm part
// with HBM; none is a measurement, and host time has no part in them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "skald/isa.hpp"

namespace skald::card {

// Multiply-accumulates per cycle, and energy in hundredths of a picojoule each.
struct MacRate {
    std::uint64_t per_cycle;
    std::uint64_t energy;
};
inline constexpr MacRate kMacInt8{16384, 10};
inline constexpr MacRate kMacNarrow{32768, 5};  // int4 and ternary
inline constexpr MacRate kMacF16{4096, 40};
inline constexpr MacRate kMacF32{1024, 120};
inline constexpr MacRate kMacAttention{4096, 40};

constexpr MacRate mac_rate(isa::WeightFormat format) {
    const isa::WeightInfo& info = isa::weight_info(format);
    if (info.integer)
        return info.bits == 8 ? kMacInt8 : kMacNarrow;
    return info.bits == 16 ? kMacF16 : kMacF32;
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

constexpr Cost op_cost(std::uint64_t macs, MacRate rate, std::uint64_t vec, std::uint64_t bytes) {
    const std::uint64_t busiest =
        std::max({isa::ceil_div(macs, rate.per_cycle), isa::ceil_div(vec, kVectorPerCycle),
                  isa::ceil_div(bytes, kBytesPerCycle)});
    return {.cycles = kOverheadCycles + busiest,
            .bytes = bytes,
            .energy = macs * rate.energy + vec * kVectorEnergy + bytes * kByteEnergy};
}
constexpr Cost memory_cost(std::uint64_t bytes) {
    return op_cost(0, kMacInt8, 0, bytes);
}
constexpr Cost vector_cost(std::uint64_t vec, std::uint64_t bytes) {
    return op_cost(0, kMacInt8, vec, bytes);
}

}  // namespace skald::card
