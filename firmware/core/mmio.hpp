// SPDX-License-Identifier: MIT
// Peripheral registers as functions.
#pragma once

#include "firmware/types.hpp"
#include "skald/core.h"

namespace skald::fw::mmio {

inline volatile u32& at(u32 offset) {
    return *reinterpret_cast<volatile u32*>(SKALD_PERIPH_BASE + offset);
}
inline u32 read(u32 offset) {
    return at(offset);
}
inline void write(u32 offset, u32 value) {
    at(offset) = value;
}

// Pairs; the low word first, which latches the high one where that matters.
inline u64 read64(u32 low_offset) {
    const u32 lo = read(low_offset);
    return join(lo, read(low_offset + 4));
}
inline void write64(u32 low_offset, u64 value) {
    write(low_offset, low(value));
    write(low_offset + 4, high(value));
}

}  // namespace skald::fw::mmio
