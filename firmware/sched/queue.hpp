// SPDX-License-Identifier: MIT
// A queue as the firmware sees it: where its ring is, how far it got, and how long its job has had
// the engine.
#pragma once

#include "firmware/hw.hpp"
#include "firmware/types.hpp"
#include "skald/mbox.h"
#include "skald/regs.h"

namespace skald::fw {

struct Queue {
    bool exists = false;
    bool preempted = false;  // the job after `completed` has started and waits to go on
    u8 priority = SKALD_FW_PRIO_NORMAL;
    u8 ring_log2 = 0;
    u16 context = 0;
    u32 tail = 0;          // entries the driver has written, modulo 2^32
    u64 completed = 0;     // sequence number of the last completion
    u64 ring = 0;          // card memory offset
    u32 slices = 0;        // launches and resumes
    u64 job_us = 0;        // engine time of the job after `completed`, up to its last preemption
    u64 job_us_max = 0;    // what it may have
    hw::Result partial{};  // counters of the preempted job

    [[nodiscard]] u32 entries() const { return 1u << ring_log2; }
    [[nodiscard]] u32 pending() const { return tail - low(completed); }
    // The driver may write anything. A tail neither leaves entries behind that were announced (they
    // may be running) nor announces more than the ring holds: so pending() never exceeds entries().
    [[nodiscard]] bool may_move_to(u32 new_tail) const {
        const u32 then_pending = new_tail - low(completed);
        return then_pending >= pending() && then_pending <= entries();
    }
    [[nodiscard]] bool has_work() const { return pending() != 0; }
    [[nodiscard]] u64 next_seq() const { return completed + 1; }
    [[nodiscard]] u64 next_entry() const {
        return ring + (low(completed) & (entries() - 1)) * sizeof(skald_ring_entry);
    }
};

class Queues {
  public:
    static constexpr u32 kCount = SKALD_MAX_QUEUES;

    Queue& operator[](u32 id) { return queues_[id]; }
    const Queue& operator[](u32 id) const { return queues_[id]; }
    [[nodiscard]] u32 live() const {
        u32 count = 0;
        for (const Queue& queue : queues_) {
            count += queue.exists ? 1 : 0;
        }
        return count;
    }

  private:
    Queue queues_[kCount]{};
};

}  // namespace skald::fw
