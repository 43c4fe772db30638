// SPDX-License-Identifier: MIT
// Turns, slices, completions and bans.
#include "firmware/sched/scheduler.hpp"

#include "firmware/log/log.hpp"
#include "firmware/sched/ring_entry.hpp"

namespace skald::fw {
namespace {

hw::Result faulted(u32 reason) {
    hw::Result result{};
    result.status = SKALD_JOB_FAULT;
    result.reason = reason;
    return result;
}

}  // namespace

void Scheduler::rung(u32 id, u32 tail) {
    Queue& queue = queues_[id];
    if (!queue.exists || stopped_) {
        return;
    }
    if (!queue.may_move_to(tail)) {
        log_warning(
            "queue %u: doorbell %u refused, the last was %u, %u completed, the ring holds %u", id,
            tail, queue.tail, low(queue.completed), queue.entries());
        return;
    }
    queue.tail = tail;
    if (is_running(id) || !queue.has_work()) {
        return;
    }
    if (contexts_[queue.context].banned) {
        complete_pending(id, SKALD_JOB_BANNED);
        return;
    }
    ready_.push_back(id, queue.priority);
}

void Scheduler::schedule() {
    if (stopped_) {
        return;
    }
    const u16 next = ready_.first();
    if (next == ReadyLists::kNone) {
        return;
    }
    if (!idle()) {
        const u8 mine = queues_[running_].priority;
        const u8 theirs = queues_[next].priority;
        if (!preempting_ && !cancelling_ &&
            (theirs < mine || (theirs == mine && slice_is_over()))) {
            preempting_ = true;
            hw::preempt();
        }
        return;
    }
    for (u16 id = next; id != ReadyLists::kNone; id = ready_.first()) {
        ready_.remove(id);
        if (start(id)) {
            return;
        }
    }
}

// False: the entry is no job; it has been completed as a fault.
bool Scheduler::start(u32 id) {
    Queue& queue = queues_[id];
    if (queue.preempted) {
        queue.preempted = false;
        hw::resume(id);
    } else {
        const skald_ring_entry entry = hw::fetch_entry(queue.next_entry());
        if (!entry_is_valid(entry, queue.next_seq())) {
            fault(id, faulted(SKALD_FAULT_RING_ENTRY));
            return false;
        }
        hw::launch(job_of(id, entry));
    }
    running_ = static_cast<u16>(id);
    started_us_ = hw::now_us();
    preempting_ = cancelling_ = false;
    ++queue.slices;
    return true;
}

void Scheduler::engine_ended() {
    hw::Result result = hw::take_result();
    if (idle()) {
        return;
    }
    const u32 id = running_;
    Queue& queue = queues_[id];
    const u64 ran_us = hw::now_us() - started_us_;
    telemetry_.busy_us += ran_us;
    running_ = ReadyLists::kNone;
    queue.slice_left_us = ran_us < queue.slice_left_us ? queue.slice_left_us - low(ran_us) : 0;

    if (result.status == SKALD_CORE_PREEMPTED && !cancelling_) {
        ++telemetry_.preemptions;
        queue.preempted = true;
        queue.partial = result;
        put_back(id);
        return;
    }
    if (result.status == SKALD_CORE_PREEMPTED) {
        result.status = SKALD_JOB_CANCELLED;
    }
    if (kill_reason_ != SKALD_FAULT_NONE) {
        contexts_[queue.context].ban({kill_reason_, id, queue.next_seq(), result.op_index, 0});
        kill_reason_ = SKALD_FAULT_NONE;
    }
    if (result.status == SKALD_JOB_FAULT) {
        fault(id, result);
    } else {
        complete(id, result);
    }
    if (cancelling_) {
        complete_pending(id, SKALD_JOB_CANCELLED);
    } else {
        put_back(id);
    }
    cancelling_ = false;
}

// Whoever used up a slice goes to the end of the line with a new one; others keep their turn.
void Scheduler::put_back(u32 id) {
    Queue& queue = queues_[id];
    const bool spent = queue.slice_left_us == 0;
    if (spent || !queue.has_work()) {
        queue.slice_left_us = kSliceUs;
    }
    if (!queue.has_work()) {
        return;
    }
    if (spent) {
        ready_.push_back(id, queue.priority);
    } else {
        ready_.push_front(id, queue.priority);
    }
}

void Scheduler::complete(u32 id, const hw::Result& result) {
    Queue& queue = queues_[id];
    skald_completion record{};
    record.status = result.status;
    record.reason = result.reason;
    record.op_index = result.op_index;
    record.address = result.address;
    record.micro_ops = result.micro_ops;
    record.cycles = result.cycles;
    record.bytes = result.bytes;
    record.energy_pj = result.energy_pj;
    record.seq = queue.next_seq();
    hw::post_completion(id, record);
    ++queue.completed;
    ++telemetry_.jobs;
    log_debug("queue %u job %llu: status %u, %llu micro-ops", id, record.seq, result.status,
              result.micro_ops);
}

// Everything that is queued, with a status that says why it does not run (any further).
void Scheduler::complete_pending(u32 id, u32 status) {
    Queue& queue = queues_[id];
    ready_.remove(id);
    while (queue.has_work()) {
        hw::Result result{};
        if (queue.preempted) {
            result = queue.partial;  // it did run for a while
            queue.preempted = false;
            result.status = SKALD_JOB_CANCELLED;
        } else {
            result.status = status;
        }
        complete(id, result);
    }
    queue.slice_left_us = kSliceUs;
}

void Scheduler::end_all_of(u32 context, u32 status) {
    for (u32 id = 0; id < Queues::kCount; ++id) {
        if (queues_[id].exists && queues_[id].context == context && !is_running(id)) {
            complete_pending(id, status);
        }
    }
}

void Scheduler::fault(u32 id, const hw::Result& result) {
    Queue& queue = queues_[id];
    log_warning("queue %u job %llu: fault %u at op %u, address 0x%llx; context %u is banned", id,
                queue.next_seq(), result.reason, result.op_index, result.address, queue.context);
    ++telemetry_.faults;
    contexts_[queue.context].ban(
        {result.reason, id, queue.next_seq(), result.op_index, result.address});
    complete(id, result);
    end_all_of(queue.context, SKALD_JOB_BANNED);
}

void Scheduler::cancel_running() {
    cancelling_ = true;
    hw::cancel();
}

bool Scheduler::cancel_queue(u32 id) {
    if (is_running(id)) {
        cancel_running();
        return false;
    }
    complete_pending(id, SKALD_JOB_CANCELLED);
    return true;
}

bool Scheduler::kill_context(u32 context, u32 reason) {
    contexts_[context].banned = true;
    end_all_of(context, SKALD_JOB_CANCELLED);
    if (!idle() && queues_[running_].context == context) {
        kill_reason_ = reason;
        cancel_running();
        return false;
    }
    if (reason != SKALD_FAULT_NONE) {
        contexts_[context].ban({reason, 0, 0, 0, 0});
    }
    return true;
}

bool Scheduler::stop_all() {
    stopped_ = true;
    for (u32 id = 0; id < Queues::kCount; ++id) {
        if (queues_[id].exists && !is_running(id)) {
            complete_pending(id, SKALD_JOB_CANCELLED);
        }
    }
    if (!idle()) {
        cancel_running();
        return false;
    }
    return true;
}

bool Scheduler::slice_is_over() const {
    return hw::now_us() - started_us_ >= queues_[running_].slice_left_us;
}

u64 Scheduler::deadline() const {
    const u16 next = ready_.first();
    if (idle() || preempting_ || cancelling_ || next == ReadyLists::kNone ||
        queues_[next].priority != queues_[running_].priority) {
        return hw::kNever;
    }
    return started_us_ + queues_[running_].slice_left_us;
}

u64 Scheduler::busy_us() const {
    return telemetry_.busy_us + (idle() ? 0 : hw::now_us() - started_us_);
}

}  // namespace skald::fw
