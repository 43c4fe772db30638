// SPDX-License-Identifier: MIT
// The modelled cost of micro-ops (uapi/doc/isa.md, "Rules for all", Cost). The only place where a
// figure of the modelled chip is written down.
#pragma once

#include <algorithm>
#include <cstdint>

#include "skald/isa.hpp"

namespace skald::card {

// Multiply-accumulates per cycle, and energy in tenths of a picojoule each.
struct MacRate {
    std::uint64_t per_cycle;
    std::uint64_t energy;
};
inline constexpr MacRate kMacInt8{16384, 1};
inline constexpr MacRate kMacF16{4096, 4};
inline constexpr MacRate kMacF32{1024, 12};
inline constexpr MacRate kMacAttention{4096, 4};

constexpr MacRate mac_rate(isa::WeightFormat format) {
    switch (format) {
        case isa::WeightFormat::I8B32:
            return kMacInt8;
        case isa::WeightFormat::F16:
            return kMacF16;
        case isa::WeightFormat::F32:
            return kMacF32;
    }
    return kMacF32;
}

inline constexpr std::uint64_t kOverheadCycles = 16;
inline constexpr std::uint64_t kVectorPerCycle = 256;
inline constexpr std::uint64_t kBytesPerCycle = 512;
inline constexpr std::uint64_t kVectorEnergy = 10;  // tenths of a picojoule
inline constexpr std::uint64_t kByteEnergy = 300;

// What a micro-op or a job has cost.
struct Cost {
    std::uint64_t cycles = 0;
    std::uint64_t bytes = 0;
    std::uint64_t energy = 0;  // tenths of a picojoule

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
