// SPDX-License-Identifier: MIT
// The table of commands and what they have in common.
#include "firmware/mbox/commands.hpp"

namespace skald::fw {
namespace {

struct Command {
    u32 opcode;
    u32 last_word;  // last argument; words behind it are 0
    Answer (Commands::*start)(const Words& in, Words& out);
    Answer (Commands::*finish)(const Words& in, bool tlb);  // null: always answers at once
};

constexpr Command kCommands[] = {
    {SKALD_MBOX_PING, SKALD_MBOX_W_TAG, &Commands::ping, nullptr},
    {SKALD_MBOX_QUEUE_CREATE, SKALD_QC_JOB_MS, &Commands::queue_create, nullptr},
    {SKALD_MBOX_QUEUE_DESTROY, SKALD_QC_QUEUE, &Commands::queue_destroy,
     &Commands::finish_queue_destroy},
    {SKALD_MBOX_QUEUE_STATUS, SKALD_QC_QUEUE, &Commands::queue_status, nullptr},
    {SKALD_MBOX_CTX_CREATE, SKALD_CC_ROOT_HI, &Commands::ctx_create, nullptr},
    {SKALD_MBOX_CTX_DESTROY, SKALD_CC_CTX, &Commands::ctx_destroy, &Commands::finish_invalidate},
    {SKALD_MBOX_CTX_INVALIDATE, SKALD_CC_CTX, &Commands::ctx_invalidate,
     &Commands::finish_invalidate},
    {SKALD_MBOX_CTX_KILL, SKALD_CK_REASON, &Commands::ctx_kill, &Commands::finish_when_idle},
    {SKALD_MBOX_CTX_FAULT, SKALD_CC_CTX, &Commands::ctx_fault, nullptr},
    {SKALD_MBOX_TELEMETRY, SKALD_MBOX_W_TAG, &Commands::telemetry, nullptr},
    {SKALD_MBOX_MEM_CLEAR, SKALD_MC_BYTES_HI, &Commands::mem_clear, &Commands::finish_mem_clear},
    {SKALD_MBOX_LOG_LEVEL, SKALD_LL_LEVEL, &Commands::log_level, nullptr},
    {SKALD_MBOX_HALT, SKALD_MBOX_W_TAG, &Commands::halt, &Commands::finish_when_idle},
};

const Command* find(u32 opcode) {
    for (const Command& command : kCommands) {
        if (command.opcode == opcode) {
            return &command;
        }
    }
    return nullptr;
}

}  // namespace

Answer Commands::start(const Words& in, Words& out) {
    const Command* command = find(in[SKALD_MBOX_W_OPCODE]);
    if (command == nullptr) {
        return Answer::fail(SKALD_MBOX_UNKNOWN);
    }
    for (u32 word = command->last_word + 1; word < SKALD_MBOX_WORDS; ++word) {
        if (in[word] != 0) {
            return Answer::invalid(word);
        }
    }
    return (this->*command->start)(in, out);
}

Answer Commands::finish(const Words& in, bool tlb) {
    const Command* command = find(in[SKALD_MBOX_W_OPCODE]);
    return (this->*command->finish)(in, tlb);
}

Answer Commands::check_queue(u32 id) const {
    if (id >= Queues::kCount) {
        return Answer::invalid(SKALD_QC_QUEUE);
    }
    return queues_[id].exists ? Answer::ok() : Answer::fail(SKALD_MBOX_NOENT);
}

Answer Commands::check_context(u32 id) {
    if (id >= Contexts::kCount) {
        return Answer::invalid(SKALD_CC_CTX);
    }
    return contexts_[id].exists ? Answer::ok() : Answer::fail(SKALD_MBOX_NOENT);
}

}  // namespace skald::fw
