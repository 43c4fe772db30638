// SPDX-License-Identifier: MIT
// Which queues want to run: one list per priority, in the order of their turns. A queue is in at
// most one list, and the running queue is in none.
#pragma once

#include "firmware/types.hpp"
#include "skald/mbox.h"
#include "skald/regs.h"

namespace skald::fw {

class ReadyLists {
  public:
    static constexpr u16 kNone = 0xffff;

    constexpr ReadyLists() {
        for (u16& link : next_) {
            link = kNone;
        }
    }

    void push_back(u32 queue, u32 priority) {
        if (listed_[queue]) {
            return;
        }
        u16* link = &heads_[priority];
        while (*link != kNone) {
            link = &next_[*link];
        }
        insert(link, queue);
    }

    void push_front(u32 queue, u32 priority) {
        if (!listed_[queue]) {
            insert(&heads_[priority], queue);
        }
    }

    void remove(u32 queue) {
        for (u16& head : heads_) {
            for (u16* link = &head; *link != kNone; link = &next_[*link]) {
                if (*link == queue) {
                    *link = next_[queue];
                    next_[queue] = kNone;
                    listed_[queue] = false;
                    return;
                }
            }
        }
    }

    [[nodiscard]] bool empty(u32 priority) const { return heads_[priority] == kNone; }

    // Of the queues of a priority the one for which turn() is lowest, among equals the first, or
    // kNone.
    template <typename Turn>
    [[nodiscard]] u16 next(u32 priority, const Turn& turn) const {
        u16 best = heads_[priority];
        for (u16 id = best; id != kNone; id = next_[id]) {
            if (turn(id) < turn(best)) {
                best = id;
            }
        }
        return best;
    }

  private:
    void insert(u16* link, u32 queue) {
        next_[queue] = *link;
        *link = static_cast<u16>(queue);
        listed_[queue] = true;
    }

    u16 heads_[SKALD_FW_PRIO_COUNT] = {kNone, kNone, kNone};
    u16 next_[SKALD_MAX_QUEUES]{};
    bool listed_[SKALD_MAX_QUEUES]{};
};

}  // namespace skald::fw
