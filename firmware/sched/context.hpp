// SPDX-License-Identifier: MIT
// A context as the firmware sees it: whether it exists, whether it is banned, its first fault,
// which stays, and what is left of its turn.
#pragma once

#include "firmware/types.hpp"
#include "skald/fault.h"
#include "skald/mbox.h"
#include "skald/regs.h"

namespace skald::fw {

struct Fault {
    u32 reason = SKALD_FAULT_NONE;
    u32 queue = 0;
    u64 seq = 0;
    u32 op_index = 0;
    u64 address = 0;
};

inline constexpr u32 kSliceUs = 10000;

// What all queues of a context that have the same priority share: however many they are, the
// context gets as much of the engine as another.
struct Turn {
    u32 slice_left_us = kSliceUs;
    u64 last = 0;  // number of the last slice it used up; who has waited longest has the lowest
};

struct Context {
    bool exists = false;
    bool banned = false;
    u32 queues = 0;
    Fault first_fault{};
    Turn turns[SKALD_FW_PRIO_COUNT]{};

    // The first fault is the one that counts; what follows from it only confuses.
    void ban(const Fault& fault) {
        if (first_fault.reason == SKALD_FAULT_NONE) {
            first_fault = fault;
        }
        banned = true;
    }
};

class Contexts {
  public:
    static constexpr u32 kCount = SKALD_MAX_CONTEXTS;

    Context& operator[](u32 id) { return contexts_[id]; }
    [[nodiscard]] u32 live() const {
        u32 count = 0;
        for (const Context& context : contexts_) {
            count += context.exists ? 1 : 0;
        }
        return count;
    }

  private:
    Context contexts_[kCount]{};
};

}  // namespace skald::fw
