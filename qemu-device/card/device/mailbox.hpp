// SPDX-License-Identifier: MIT
// The mailbox: moves 16 words from host to core and 16 back, one command at a time. Callers hold
// the card's lock.
#pragma once

#include "card/device/core_registers.hpp"
#include "card/device/host_events.hpp"
#include "card/device/host_registers.hpp"
#include "card/device/interrupt_controller.hpp"

namespace skald::card {

class Mailbox {
  public:
    Mailbox(HostRegisters& host, CoreRegisters& core, InterruptController& irqs, HostEvents& events)
        : host_(host), core_(core), irqs_(irqs), events_(events) {}

    [[nodiscard]] bool busy() const {
        return (host_.get(SKALD_REG_MBOX_STATUS) & SKALD_MBOX_BUSY) != 0;
    }
    // The doorbell: false while the last command is not answered. The words are copied, later
    // writes change nothing.
    [[nodiscard]] bool post_command();
    // The firmware's answer: false if nothing was asked.
    [[nodiscard]] bool post_response();

  private:
    HostRegisters& host_;
    CoreRegisters& core_;
    InterruptController& irqs_;
    HostEvents& events_;
};

}  // namespace skald::card
