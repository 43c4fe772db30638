// SPDX-License-Identifier: MIT
// How fast this machine reads memory right now: the yardstick for everything that streams weights.
#pragma once

#include <cstddef>
#include <span>

namespace skald::bench {

// Numbers of streams per thread that best_read_speed() tries. Which is fastest depends on the
// machine and on what its neighbours do.
inline constexpr unsigned kStreamCounts[] = {1, 2, 4, 8};

// Bytes per second when `threads` threads read the memory once, each its own part as that many
// adjacent streams (one of kStreamCounts).
double read_speed(std::span<const std::byte> memory, unsigned threads, unsigned streams);

// The best of all kStreamCounts, each tried once.
double best_read_speed(std::span<const std::byte> memory, unsigned threads);

}  // namespace skald::bench
