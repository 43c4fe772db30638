// SPDX-License-Identifier: MIT
// Short names for the integers the firmware works with, and addresses that do not mix.
#pragma once

namespace skald::fw {

// Not uint32_t: that is a long on this target, and printf formats would differ from the host's.
using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;

constexpr u32 low(u64 v) {
    return static_cast<u32>(v);
}
constexpr u32 high(u64 v) {
    return static_cast<u32>(v >> 32);
}
constexpr u64 join(u32 lo, u32 hi) {
    return lo | static_cast<u64>(hi) << 32;
}

}  // namespace skald::fw
