// SPDX-License-Identifier: MIT
// The firmware as a whole: handshake, then one turn of the main loop after the other.
#pragma once

#include "firmware/mbox/commands.hpp"
#include "firmware/mbox/mailbox.hpp"
#include "firmware/sched/context.hpp"
#include "firmware/sched/queue.hpp"
#include "firmware/sched/scheduler.hpp"

namespace skald::fw {

inline constexpr u32 kVersion = 1u << 24 | 2u << 16;  // major << 24 | minor << 16 | patch

class Firmware {
  public:
    constexpr Firmware() = default;

    // Talks to the driver's ABI or refuses it.
    void boot();
    // Handles everything that is pending, then says until when nothing is to be done.
    void turn();

  private:
    void take_doorbells();
    void arm_timer();

    Contexts contexts_;
    Queues queues_;
    Scheduler scheduler_{contexts_, queues_};
    Commands commands_{contexts_, queues_, scheduler_};
    Mailbox mailbox_{commands_};
    u32 heartbeat_ = 0;
};

}  // namespace skald::fw
