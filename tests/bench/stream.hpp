// SPDX-License-Identifier: MIT
// How fast this machine reads memory right now: the yardstick for everything that streams weights.
#pragma once

#include <cstddef>
#include <span>

namespace skald::bench {

// Bytes per second when `threads` threads read the memory, each its own part as 1, 2, 4 or 8
// adjacent streams, whichever is best.
double read_speed(std::span<const std::byte> memory, unsigned threads);

}  // namespace skald::bench
