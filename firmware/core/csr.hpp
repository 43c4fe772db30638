// SPDX-License-Identifier: MIT
// The few control and status registers the firmware uses.
#pragma once

#include "firmware/types.hpp"

namespace skald::fw::csr {

inline constexpr u32 kTimer = 1u << 7;
inline constexpr u32 kExternal = 1u << 11;

inline void set_mie(u32 bits) {
    asm volatile("csrw mie, %0" : : "r"(bits) : "memory");
}

// Interrupts stay off in mstatus all the time: WFI wakes on a pending one that mie lets through,
// and the main loop looks at what it was. So nothing is ever interrupted half-way, and no wake-up
// is lost between look and sleep.
inline void wait_for_interrupt() {
    asm volatile("wfi" : : : "memory");
}

}  // namespace skald::fw::csr
