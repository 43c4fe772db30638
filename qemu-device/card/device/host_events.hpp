// SPDX-License-Identifier: MIT
// INTR_STATUS and INTR_MASK: when a bit that is not masked becomes pending, vector 0 is raised,
// once. Callers hold the card's lock.
#pragma once

#include "card/device/host_registers.hpp"
#include "card/ports.hpp"

namespace skald::card {

class HostEvents {
  public:
    HostEvents(HostRegisters& regs, InterruptSink& interrupts)
        : regs_(regs), interrupts_(interrupts) {}

    void signal(std::uint32_t bits) {
        const std::uint32_t before = visible();
        regs_.set(SKALD_REG_INTR_STATUS, regs_.get(SKALD_REG_INTR_STATUS) | bits);
        raise_if_new(before);
    }

    // Around a host write of the mask: unmasking what is pending raises.
    [[nodiscard]] std::uint32_t visible() const {
        return regs_.get(SKALD_REG_INTR_STATUS) & regs_.get(SKALD_REG_INTR_MASK);
    }
    void raise_if_new(std::uint32_t visible_before) {
        if ((visible() & ~visible_before) != 0) {
            interrupts_.raise(0);
        }
    }

  private:
    HostRegisters& regs_;
    InterruptSink& interrupts_;
};

}  // namespace skald::card
