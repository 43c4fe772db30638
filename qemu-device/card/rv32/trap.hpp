// SPDX-License-Identifier: MIT
// Why a hart leaves the straight path: the mcause values this core can produce (privileged
// specification, 3.1.15).
#pragma once

#include <cstdint>

namespace skald::card::rv32 {

inline constexpr std::uint32_t kInterruptBit = 0x80000000u;

enum class Cause : std::uint32_t {
    kFetchAccess = 1,
    kIllegal = 2,
    kBreakpoint = 3,
    kLoadMisaligned = 4,
    kLoadAccess = 5,
    kStoreMisaligned = 6,
    kStoreAccess = 7,
    kEcall = 11,
    kTimerInterrupt = kInterruptBit | 7,
    kExternalInterrupt = kInterruptBit | 11,
};

// The bits of mip and mie.
inline constexpr std::uint32_t kTimerLine = 1u << 7;
inline constexpr std::uint32_t kExternalLine = 1u << 11;

struct Trap {
    std::uint32_t cause = 0;  // mcause
    std::uint32_t pc = 0;     // mepc
    std::uint32_t value = 0;  // mtval
};

}  // namespace skald::card::rv32
