// SPDX-License-Identifier: MIT
// QUEUE_CREATE, QUEUE_DESTROY, QUEUE_STATUS.
#include "firmware/log/log.hpp"
#include "firmware/mbox/commands.hpp"
#include "skald/page_table.h"
#include "skald/ring.h"

namespace skald::fw {
namespace {

// The word that is out of range, or 0.
u32 bad_word(const Words& in) {
    const u32 log2 = in[SKALD_QC_RING_LOG2];
    if (in[SKALD_QC_QUEUE] >= Queues::kCount) {
        return SKALD_QC_QUEUE;
    }
    if (in[SKALD_QC_CTX] >= Contexts::kCount) {
        return SKALD_QC_CTX;
    }
    if (log2 < SKALD_RING_LOG2_MIN || log2 > SKALD_RING_LOG2_MAX) {
        return SKALD_QC_RING_LOG2;
    }
    const u64 ring = join(in[SKALD_QC_RING_LO], in[SKALD_QC_RING_HI]);
    const u64 bytes = sizeof(skald_ring_entry) << log2;
    const u64 memory = hw::memory_bytes();
    if (ring % sizeof(skald_ring_entry) != 0 || ring > memory || bytes > memory - ring) {
        return SKALD_QC_RING_LO;
    }
    if (in[SKALD_QC_PAGE_LO] % SKALD_QUEUE_PAGE_SIZE != 0) {
        return SKALD_QC_PAGE_LO;
    }
    if (in[SKALD_QC_VECTOR] == 0 || in[SKALD_QC_VECTOR] >= SKALD_NUM_VECTORS) {
        return SKALD_QC_VECTOR;
    }
    if (in[SKALD_QC_PRIORITY] >= SKALD_FW_PRIO_COUNT) {
        return SKALD_QC_PRIORITY;
    }
    const u32 scratch = in[SKALD_QC_SCRATCH];
    if (scratch % SKALD_PAGE_SIZE != 0 || scratch > SKALD_SCRATCH_MAX) {
        return SKALD_QC_SCRATCH;
    }
    return in[SKALD_QC_JOB_MS] > SKALD_JOB_MS_MAX ? SKALD_QC_JOB_MS : 0;
}

}  // namespace

Answer Commands::queue_create(const Words& in, Words&) {
    if (const u32 word = bad_word(in)) {
        return Answer::invalid(word);
    }
    const u32 id = in[SKALD_QC_QUEUE];
    const u32 context = in[SKALD_QC_CTX];
    if (!contexts_[context].exists) {
        return Answer::fail(SKALD_MBOX_NOENT);
    }
    if (queues_[id].exists) {
        return Answer::fail(SKALD_MBOX_EXISTS);
    }
    if (!hw::set_queue(id, {.context = context,
                            .page = join(in[SKALD_QC_PAGE_LO], in[SKALD_QC_PAGE_HI]),
                            .vector = in[SKALD_QC_VECTOR],
                            .scratch = in[SKALD_QC_SCRATCH],
                            .coalesce_tokens = in[SKALD_QC_COALESCE_TOKENS],
                            .coalesce_us = in[SKALD_QC_COALESCE_US]})) {
        return Answer::fail(SKALD_MBOX_NOMEM);
    }
    Queue& queue = queues_[id];
    queue = Queue{};
    queue.exists = true;
    queue.context = static_cast<u16>(context);
    queue.priority = static_cast<u8>(in[SKALD_QC_PRIORITY]);
    queue.ring_log2 = static_cast<u8>(in[SKALD_QC_RING_LOG2]);
    queue.ring = join(in[SKALD_QC_RING_LO], in[SKALD_QC_RING_HI]);
    const u32 job_ms = in[SKALD_QC_JOB_MS];
    queue.job_us_max = u64{job_ms != 0 ? job_ms : SKALD_JOB_MS_MAX} * 1000;
    ++contexts_[context].queues;
    log_debug("queue %u created: context %u, priority %u, %u entries", id, context, queue.priority,
              queue.entries());
    return Answer::ok();
}

Answer Commands::queue_destroy(const Words& in, Words&) {
    const u32 id = in[SKALD_QC_QUEUE];
    if (const Answer answer = check_queue(id); answer.status != SKALD_MBOX_OK) {
        return answer;
    }
    if (!scheduler_.cancel_queue(id)) {
        return Answer::not_yet();
    }
    remove_queue(id);
    return Answer::ok();
}

Answer Commands::finish_queue_destroy(const Words& in, bool) {
    const u32 id = in[SKALD_QC_QUEUE];
    if (scheduler_.is_running(id)) {
        return Answer::not_yet();
    }
    // What was rung while the job was being stopped ends as the rest did.
    (void)scheduler_.cancel_queue(id);
    remove_queue(id);
    return Answer::ok();
}

void Commands::remove_queue(u32 id) {
    hw::clear_queue(id);
    --contexts_[queues_[id].context].queues;
    queues_[id].exists = false;
    log_debug("queue %u destroyed", id);
}

Answer Commands::queue_status(const Words& in, Words& out) {
    const u32 id = in[SKALD_QC_QUEUE];
    if (const Answer answer = check_queue(id); answer.status != SKALD_MBOX_OK) {
        return answer;
    }
    const Queue& queue = queues_[id];
    out[SKALD_QS_STATE] = scheduler_.is_running(id) ? SKALD_QSTATE_RUNNING
                          : queue.preempted         ? SKALD_QSTATE_PREEMPTED
                          : queue.has_work()        ? SKALD_QSTATE_READY
                                                    : SKALD_QSTATE_IDLE;
    out[SKALD_QS_HEAD] = low(queue.completed);
    out[SKALD_QS_TAIL] = queue.tail;
    out[SKALD_QS_SLICES] = queue.slices;
    if (queue.preempted) {
        out[SKALD_QS_MICRO_OPS_LO] = low(queue.partial.micro_ops);
        out[SKALD_QS_MICRO_OPS_HI] = high(queue.partial.micro_ops);
    }
    return Answer::ok();
}

}  // namespace skald::fw
