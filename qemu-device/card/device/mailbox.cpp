// SPDX-License-Identifier: MIT
// Copies mailbox words and keeps BUSY.
#include "card/device/mailbox.hpp"

namespace skald::card {

bool Mailbox::post_command() {
    if (busy()) {
        return false;
    }
    for (std::uint32_t i = 0; i < 4 * SKALD_MBOX_WORDS; i += 4) {
        core_.set(SKALD_CORE_MBOX_CMD0 + i, host_.get(SKALD_REG_MBOX_CMD0 + i));
    }
    host_.set(SKALD_REG_MBOX_STATUS, SKALD_MBOX_BUSY);
    irqs_.assert_irq(SKALD_CORE_IRQ_MBOX);
    return true;
}

bool Mailbox::post_response() {
    if (!busy()) {
        return false;
    }
    for (std::uint32_t i = 0; i < 4 * SKALD_MBOX_WORDS; i += 4) {
        host_.set(SKALD_REG_MBOX_RSP0 + i, core_.get(SKALD_CORE_MBOX_RSP0 + i));
    }
    host_.set(SKALD_REG_MBOX_STATUS, 0);
    irqs_.clear_irq(SKALD_CORE_IRQ_MBOX);
    events_.signal(SKALD_INTR_MBOX);
    return true;
}

}  // namespace skald::card
