// SPDX-License-Identifier: MIT
#include "card/ops/queue.hpp"

#include "card/model/timeline.hpp"

namespace skald::card {

Queue::Queue(const QueueHw& hardware, Budget& memory)
    : hw(hardware), scratch(memory, hardware.scratch_bytes) {}

Queue::~Queue() = default;

}  // namespace skald::card
