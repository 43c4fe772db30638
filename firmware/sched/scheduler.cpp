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
        refuse(id, tail);
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
    make_ready(id, false);
}

// User space rings as often as it likes: it must not wash everybody else's lines out of the log.
void Scheduler::refuse(u32 id, u32 tail) {
    ++telemetry_.refused;
    const u64 now = hw::now_us();
    if (telemetry_.refused > 1 && now - refusal_told_us_ < kRefusalsUs) {
        return;
    }
    const Queue& queue = queues_[id];
    log_warning(
        "queue %u: doorbell %u refused, the last was %u, %u completed, the ring holds %u; %u "
        "refused so far",
        id, tail, queue.tail, low(queue.completed), queue.entries(), telemetry_.refused);
    refusal_told_us_ = now;
}

void Scheduler::schedule() {
    if (stopped_) {
        return;
    }
    if (!idle()) {
        if (stopping()) {
            return;
        }
        if (hw::now_us() >= time_out()) {
            overtime_ = true;
            hw::cancel();
            return;
        }
        if (must_yield()) {
            preempting_ = true;
            hw::preempt();
        }
        return;
    }
    for (Choice next = choose(); next.queue != ReadyLists::kNone; next = choose()) {
        ready_.remove(next.queue);
        if (start(next.queue)) {
            aged_ = next.aged;
            return;
        }
    }
}

// Whoever is above at once; an equal, and one that has waited for long, at the end of the slice.
// One that itself runs because of its age gets its slice undisturbed.
bool Scheduler::must_yield() const {
    const u32 own = queues_[running_].priority;
    const bool over = hw::now_us() >= slice_end();
    for (u32 level = 0; level < SKALD_FW_PRIO_COUNT; ++level) {
        if (ready_.empty(level)) {
            continue;
        }
        if ((level < own && !aged_) || (over && (level <= own || has_waited(level)))) {
            return true;
        }
    }
    return false;
}

bool Scheduler::has_waited(u32 level) const {
    return hw::now_us() - served_us_[level] >= kAgeUs;
}

u16 Scheduler::next_of(u32 level) const {
    return ready_.next(level, [this](u16 id) { return turn_of(id).last; });
}

Scheduler::Choice Scheduler::choose() const {
    Choice choice;
    u64 since = ~0ull;
    for (u32 level = 0; level < SKALD_FW_PRIO_COUNT; ++level) {
        if (ready_.empty(level)) {
            continue;
        }
        if (choice.queue == ReadyLists::kNone) {
            choice.queue = next_of(level);
        } else if (has_waited(level) && served_us_[level] < since) {
            since = served_us_[level];
            choice = {next_of(level), true};
        }
    }
    return choice;
}

Turn& Scheduler::turn_of(u32 id) {
    const Queue& queue = queues_[id];
    return contexts_[queue.context].turns[queue.priority];
}

const Turn& Scheduler::turn_of(u32 id) const {
    const Queue& queue = queues_[id];
    return contexts_[queue.context].turns[queue.priority];
}

u64 Scheduler::slice_end() const {
    return started_us_ + turn_of(running_).slice_left_us;
}

u64 Scheduler::time_out() const {
    const Queue& queue = queues_[running_];
    const u64 left = queue.job_us < queue.job_us_max ? queue.job_us_max - queue.job_us : 0;
    return started_us_ + left;
}

void Scheduler::make_ready(u32 id, bool first) {
    const u8 priority = queues_[id].priority;
    if (ready_.empty(priority)) {
        served_us_[priority] = hw::now_us();
    }
    if (first) {
        ready_.push_front(id, priority);
    } else {
        ready_.push_back(id, priority);
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
        queue.job_us = 0;
        hw::launch(job_of(id, entry));
    }
    running_ = static_cast<u16>(id);
    started_us_ = served_us_[queue.priority] = hw::now_us();
    aged_ = preempting_ = cancelling_ = overtime_ = false;
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
    Turn& turn = turn_of(id);
    running_ = ReadyLists::kNone;
    aged_ = false;
    queue.job_us += ran_us;
    turn.slice_left_us = ran_us < turn.slice_left_us ? turn.slice_left_us - low(ran_us) : 0;

    if (result.status == SKALD_CORE_PREEMPTED && !cancelling_ && !overtime_) {
        ++telemetry_.preemptions;
        queue.preempted = true;
        queue.partial = result;
        put_back(id);
        return;
    }
    if (result.status == SKALD_CORE_PREEMPTED) {
        result.status = SKALD_JOB_CANCELLED;
    }
    if (overtime_ && result.status == SKALD_JOB_CANCELLED) {
        result.status = SKALD_JOB_FAULT;
        result.reason = SKALD_FAULT_TIME;
    }
    overtime_ = false;
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

// Whoever used up a slice goes to the end of the line, and the context gets a new one; others keep
// their turn.
void Scheduler::put_back(u32 id) {
    Queue& queue = queues_[id];
    Turn& turn = turn_of(id);
    const bool spent = turn.slice_left_us == 0;
    if (spent) {
        turn = {.slice_left_us = kSliceUs, .last = ++slices_};
    }
    if (queue.has_work()) {
        make_ready(id, !spent);
    }
}

void Scheduler::complete(u32 id, const hw::Result& result) {
    Queue& queue = queues_[id];
    skald_completion record{};
    record.status = result.status;
    record.reason = result.reason;
    record.op_index = result.op_index;
    record.engine_us = queue.job_us < ~0u ? low(queue.job_us) : ~0u;
    record.address = result.address;
    record.micro_ops = result.micro_ops;
    record.cycles = result.cycles;
    record.bytes = result.bytes;
    record.energy_pj = result.energy_pj;
    record.seq = queue.next_seq();
    hw::post_completion(id, record);
    ++queue.completed;
    queue.job_us = 0;
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
    overtime_ = false;
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

u64 Scheduler::deadline() const {
    if (idle() || stopping()) {
        return hw::kNever;
    }
    u64 when = time_out();
    for (u32 level = 0; level < SKALD_FW_PRIO_COUNT; ++level) {
        if (ready_.empty(level)) {
            continue;
        }
        u64 turn = slice_end();
        if (level > queues_[running_].priority && turn < served_us_[level] + kAgeUs) {
            turn = served_us_[level] + kAgeUs;
        }
        when = turn < when ? turn : when;
    }
    return when;
}

u64 Scheduler::busy_us() const {
    return telemetry_.busy_us + (idle() ? 0 : hw::now_us() - started_us_);
}

}  // namespace skald::fw
