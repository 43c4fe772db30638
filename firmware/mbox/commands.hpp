// SPDX-License-Identifier: MIT
// The mailbox commands: what each checks and does. mailbox.cpp knows how they come and go.
#pragma once

#include "firmware/sched/context.hpp"
#include "firmware/sched/queue.hpp"
#include "firmware/sched/scheduler.hpp"
#include "skald/mbox.h"
#include "skald/regs.h"

namespace skald::fw {

using Words = u32[SKALD_MBOX_WORDS];

// What a handler says. An INVALID one names the word; one that is not finished is asked again by
// finish().
struct Answer {
    u32 status = SKALD_MBOX_OK;
    u32 word = 0;
    bool later = false;

    static constexpr Answer ok() { return {}; }
    static constexpr Answer fail(u32 status) { return {status, 0, false}; }
    static constexpr Answer invalid(u32 word) { return {SKALD_MBOX_INVALID, word, false}; }
    static constexpr Answer not_yet() { return {SKALD_MBOX_OK, 0, true}; }
};

class Commands {
  public:
    constexpr Commands(Contexts& contexts, Queues& queues, Scheduler& scheduler)
        : contexts_(contexts), queues_(queues), scheduler_(scheduler) {}

    // Results go to words 2.. of out, which is zero.
    [[nodiscard]] Answer start(const Words& in, Words& out);
    // Called after events while the last answer was not_yet(): is it done now? tlb: the last
    // invalidate took effect.
    [[nodiscard]] Answer finish(const Words& in, bool tlb);

    // The handlers, which a table in commands.cpp lists.
    Answer ping(const Words& in, Words& out);
    Answer queue_create(const Words& in, Words& out);
    Answer queue_destroy(const Words& in, Words& out);
    Answer queue_status(const Words& in, Words& out);
    Answer ctx_create(const Words& in, Words& out);
    Answer ctx_destroy(const Words& in, Words& out);
    Answer ctx_invalidate(const Words& in, Words& out);
    Answer ctx_kill(const Words& in, Words& out);
    Answer ctx_fault(const Words& in, Words& out);
    Answer telemetry(const Words& in, Words& out);
    Answer halt(const Words& in, Words& out);
    Answer log_level(const Words& in, Words& out);
    Answer mem_clear(const Words& in, Words& out);

    // Second halves of the commands that answer late.
    Answer finish_queue_destroy(const Words& in, bool tlb);
    Answer finish_invalidate(const Words& in, bool tlb);
    Answer finish_when_idle(const Words& in, bool tlb);
    Answer finish_mem_clear(const Words& in, bool tlb);

    // The waiting command waits for nothing but its next turn.
    [[nodiscard]] bool goes_on() const { return clear_left_ != 0; }

  private:
    [[nodiscard]] Answer check_queue(u32 id) const;
    [[nodiscard]] Answer check_context(u32 id);
    void remove_queue(u32 id);

    Contexts& contexts_;
    Queues& queues_;
    Scheduler& scheduler_;
    // What MEM_CLEAR has still to do.
    u64 clear_at_ = 0;
    u64 clear_left_ = 0;
};

}  // namespace skald::fw
