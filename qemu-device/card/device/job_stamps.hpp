// SPDX-License-Identifier: MIT
// When the jobs of each queue passed which place (skald_stamps), until their completion takes it
// along. Times are nanoseconds of the card's clock. Callers hold the card's lock.
#pragma once

#include <array>
#include <cstdint>

#include "card/snapshot/stream.hpp"
#include "skald/regs.h"
#include "skald/ring.h"

namespace skald::card {

class JobStamps {
  public:
    void reset() { queues_.fill(Queue{}); }
    // A queue is set up or torn down.
    void forget(std::uint32_t queue) { queues_[queue] = Queue{}; }

    // The doorbell's value went from `before` to `tail`: the entries between are announced.
    void rung(std::uint32_t queue, std::uint32_t before, std::uint32_t tail, std::uint64_t now);
    // The job that runs on the queue. Runs that go on after a preemption keep the first begin.
    void launched(std::uint32_t queue, std::uint64_t now) {
        queues_[queue].run = {0, now, 0, 0, 0};
    }
    void ran(std::uint32_t queue, std::uint64_t began, std::uint64_t ended);
    // For the completion of job `seq`; `written` is the writer's business.
    [[nodiscard]] skald_stamps take(std::uint32_t queue, std::uint64_t seq);

    void save(snapshot::Writer& to) const { to.put(queues_); }
    void load(snapshot::Reader& from) { queues_ = from.get<decltype(queues_)>(); }

  private:
    struct Queue {
        // By slot of the job: a queue has no more jobs at a time than slots.
        std::array<std::uint64_t, SKALD_COMPLETION_SLOTS> doorbell{};
        skald_stamps run{};
    };

    std::array<Queue, SKALD_MAX_QUEUES> queues_{};
};

}  // namespace skald::card
