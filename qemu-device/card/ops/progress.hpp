// SPDX-License-Identifier: MIT
// When a queue's tokens are announced: the progress counter at once, its interrupt coalesced.
#pragma once

#include <cstdint>

#include "card/ops/queue.hpp"
#include "card/ports.hpp"

namespace skald::card {

// Counts tokens whose ring entries are written. False: the host refused the queue page.
[[nodiscard]] bool advance_progress(Queue& queue, std::uint64_t tokens, HostMemory& host,
                                    InterruptSink& interrupts, const Clock& clock);

// Raises the vector for pending tokens if their time has come, or in any case if `last`.
void flush_progress(Queue& queue, bool last, InterruptSink& interrupts, const Clock& clock);

}  // namespace skald::card
