// SPDX-License-Identifier: MIT
// The same work on several threads at the same time, with its duration.
#pragma once

#include <functional>

namespace skald::bench {

// Runs work(0) .. work(threads - 1), each on a thread of its own, the first on the caller's. All
// start together; returns the seconds until the last has ended. threads is at least 1.
double timed_together(unsigned threads, const std::function<void(unsigned thread)>& work);

}  // namespace skald::bench
