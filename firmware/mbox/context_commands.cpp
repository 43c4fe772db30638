// SPDX-License-Identifier: MIT
// CTX_CREATE, CTX_DESTROY, CTX_INVALIDATE, CTX_KILL, CTX_FAULT.
#include "firmware/log/log.hpp"
#include "firmware/mbox/commands.hpp"
#include "skald/page_table.h"

namespace skald::fw {

Answer Commands::ctx_create(const Words& in, Words&) {
    const u32 id = in[SKALD_CC_CTX];
    const u64 root = join(in[SKALD_CC_ROOT_LO], in[SKALD_CC_ROOT_HI]);
    const u64 memory = hw::memory_bytes();
    if (id >= Contexts::kCount) {
        return Answer::invalid(SKALD_CC_CTX);
    }
    if (root % SKALD_PT_BYTES != 0 || root > memory || SKALD_PT_BYTES > memory - root) {
        return Answer::invalid(SKALD_CC_ROOT_LO);
    }
    if (contexts_[id].exists) {
        return Answer::fail(SKALD_MBOX_EXISTS);
    }
    contexts_[id] = Context{};
    contexts_[id].exists = true;
    hw::set_context(id, root);
    log_debug("context %u created, root 0x%llx", id, root);
    return Answer::ok();
}

// Answers when no translation is left, so that the driver may free the tables.
Answer Commands::ctx_destroy(const Words& in, Words&) {
    const u32 id = in[SKALD_CC_CTX];
    if (const Answer answer = check_context(id); answer.status != SKALD_MBOX_OK) {
        return answer;
    }
    if (contexts_[id].queues != 0) {
        return Answer::fail(SKALD_MBOX_BUSY_CTX);
    }
    contexts_[id].exists = false;
    hw::clear_context(id);
    hw::invalidate(id);
    log_debug("context %u destroyed", id);
    return Answer::not_yet();
}

Answer Commands::ctx_invalidate(const Words& in, Words&) {
    if (const Answer answer = check_context(in[SKALD_CC_CTX]); answer.status != SKALD_MBOX_OK) {
        return answer;
    }
    hw::invalidate(in[SKALD_CC_CTX]);
    return Answer::not_yet();
}

Answer Commands::finish_invalidate(const Words&, bool tlb) {
    return tlb ? Answer::ok() : Answer::not_yet();
}

Answer Commands::ctx_kill(const Words& in, Words&) {
    const u32 id = in[SKALD_CC_CTX];
    const u32 reason = in[SKALD_CK_REASON];
    if (id < Contexts::kCount && reason > SKALD_FAULT_LAST) {
        return Answer::invalid(SKALD_CK_REASON);
    }
    if (const Answer answer = check_context(id); answer.status != SKALD_MBOX_OK) {
        return answer;
    }
    log_warning("context %u killed, reason %u", id, reason);
    return scheduler_.kill_context(id, reason) ? Answer::ok() : Answer::not_yet();
}

Answer Commands::ctx_fault(const Words& in, Words& out) {
    const u32 id = in[SKALD_CC_CTX];
    if (const Answer answer = check_context(id); answer.status != SKALD_MBOX_OK) {
        return answer;
    }
    const Fault& fault = contexts_[id].first_fault;
    out[SKALD_CF_REASON] = fault.reason;
    out[SKALD_CF_QUEUE] = fault.queue;
    out[SKALD_CF_SEQ_LO] = low(fault.seq);
    out[SKALD_CF_SEQ_HI] = high(fault.seq);
    out[SKALD_CF_OP_INDEX] = fault.op_index;
    out[SKALD_CF_ADDR_LO] = low(fault.address);
    out[SKALD_CF_ADDR_HI] = high(fault.address);
    return Answer::ok();
}

}  // namespace skald::fw
