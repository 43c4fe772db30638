// SPDX-License-Identifier: MIT
// A context as the firmware sees it: whether it exists, whether it is banned, and its first fault,
// which stays.
#pragma once

#include "firmware/types.hpp"
#include "skald/fault.h"
#include "skald/regs.h"

namespace skald::fw {

struct Fault {
    u32 reason = SKALD_FAULT_NONE;
    u32 queue = 0;
    u64 seq = 0;
    u32 op_index = 0;
    u64 address = 0;
};

struct Context {
    bool exists = false;
    bool banned = false;
    u32 queues = 0;
    Fault first_fault{};

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
