// SPDX-License-Identifier: MIT
// Transport of mailbox commands.
#include "firmware/mbox/mailbox.hpp"

#include "firmware/hw.hpp"
#include "firmware/log/log.hpp"

namespace skald::fw {

void Mailbox::receive() {
    for (u32 i = 0; i < SKALD_MBOX_WORDS; ++i) {
        in_[i] = hw::command_word(i);
        out_[i] = 0;
    }
    answer(commands_.start(in_, out_));
}

void Mailbox::progress(bool tlb) {
    if (waiting_) {
        answer(commands_.finish(in_, tlb));
    }
}

void Mailbox::answer(const Answer& answer) {
    waiting_ = answer.later;
    if (waiting_) {
        return;
    }
    out_[SKALD_MBOX_W_STATUS] = answer.status;
    out_[SKALD_MBOX_W_TAG] = in_[SKALD_MBOX_W_TAG];
    if (answer.status == SKALD_MBOX_INVALID) {
        out_[2] = answer.word;
    }
    if (answer.status != SKALD_MBOX_OK) {
        log_warning("mailbox command 0x%x: status %u, word %u", in_[SKALD_MBOX_W_OPCODE],
                    answer.status, answer.word);
    }
    for (u32 i = 0; i < SKALD_MBOX_WORDS; ++i) {
        hw::set_response_word(i, out_[i]);
    }
    hw::post_response();
    halted_ = in_[SKALD_MBOX_W_OPCODE] == SKALD_MBOX_HALT && answer.status == SKALD_MBOX_OK;
}

}  // namespace skald::fw
