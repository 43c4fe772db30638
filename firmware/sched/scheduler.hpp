// SPDX-License-Identifier: MIT
// Decides which queue the engine works for. Priority between the three levels; of equals contexts
// take turns in slices of kSliceUs, which one may spend on several short jobs or on a part of a
// long one. A queue of higher priority preempts at once, and the preempted one keeps its turn and
// the rest of its slice. A level that has had nothing for kAgeUs gets one slice, whoever is above:
// every queue that can run advances. A job that has had the engine for longer than its queue allows
// faults.
#pragma once

#include "firmware/sched/context.hpp"
#include "firmware/sched/queue.hpp"
#include "firmware/sched/ready_lists.hpp"
#include "firmware/sched/telemetry.hpp"
#include "skald/fault.h"

namespace skald::fw {

inline constexpr u64 kAgeUs = 500000;
// Of doorbells that are refused one is told in that time, with how many there were.
inline constexpr u64 kRefusalsUs = 1000000;

class Scheduler {
  public:
    constexpr Scheduler(Contexts& contexts, Queues& queues)
        : contexts_(contexts), queues_(queues) {}

    // The driver has rung: `tail` entries were ever written.
    void rung(u32 queue, u32 tail);
    // The engine ended its run.
    void engine_ended();
    // After anything that may change whose turn it is: starts or preempts.
    void schedule();

    // Ends all jobs of a queue as CANCELLED and keeps it from running. True: done; false: a job of
    // it still runs, and is_running() turns false once it has ended.
    [[nodiscard]] bool cancel_queue(u32 queue);
    // The same for all queues of a context, which is banned. reason: a fault to record, or NONE.
    [[nodiscard]] bool kill_context(u32 context, u32 reason);
    // The same for everything; nothing runs afterwards.
    [[nodiscard]] bool stop_all();

    // A job has been told to stop and has not ended yet.
    [[nodiscard]] bool cancelling() const { return cancelling_; }
    [[nodiscard]] bool idle() const { return running_ == ReadyLists::kNone; }
    [[nodiscard]] bool is_running(u32 queue) const { return running_ == queue; }
    // When schedule() has to be called though nothing happened, or hw::kNever.
    [[nodiscard]] u64 deadline() const;
    [[nodiscard]] const Telemetry& telemetry() const { return telemetry_; }
    [[nodiscard]] u64 busy_us() const;

  private:
    // Who runs next if something has to, or nobody; and whether only because of age.
    struct Choice {
        u16 queue = ReadyLists::kNone;
        bool aged = false;
    };
    void refuse(u32 queue, u32 tail);
    [[nodiscard]] Choice choose() const;
    [[nodiscard]] u16 next_of(u32 level) const;
    [[nodiscard]] bool has_waited(u32 level) const;
    [[nodiscard]] bool must_yield() const;
    [[nodiscard]] Turn& turn_of(u32 queue);
    [[nodiscard]] const Turn& turn_of(u32 queue) const;
    [[nodiscard]] u64 slice_end() const;
    [[nodiscard]] u64 time_out() const;
    void make_ready(u32 queue, bool first);
    [[nodiscard]] bool start(u32 queue);
    void put_back(u32 queue);
    [[nodiscard]] bool stopping() const { return preempting_ || cancelling_ || overtime_; }
    void complete(u32 queue, const hw::Result& result);
    void complete_pending(u32 queue, u32 status);
    void end_all_of(u32 context, u32 status);
    void fault(u32 queue, const hw::Result& result);
    void cancel_running();

    Contexts& contexts_;
    Queues& queues_;
    ReadyLists ready_;
    Telemetry telemetry_{};
    u64 slices_ = 0;           // used up, by whomever
    u64 refusal_told_us_ = 0;  // the last line about a doorbell
    // When a queue of the level last began to run, or began to wait in an empty list.
    u64 served_us_[SKALD_FW_PRIO_COUNT]{};

    u16 running_ = ReadyLists::kNone;
    u64 started_us_ = 0;
    bool aged_ = false;  // it runs because it waited for long, and until its slice is over
    bool preempting_ = false;
    bool cancelling_ = false;
    bool overtime_ = false;  // it has been told to stop, and faults TIME then
    bool stopped_ = false;
    u32 kill_reason_ = SKALD_FAULT_NONE;
};

}  // namespace skald::fw
