// SPDX-License-Identifier: MIT
// IRQ_PENDING and the two interrupt lines of the control core. Callers hold the card's lock.
#pragma once

#include <cstdint>

#include "card/device/core_registers.hpp"
#include "card/rv32/trap.hpp"

namespace skald::card {

class InterruptController {
  public:
    explicit InterruptController(CoreRegisters& regs) : regs_(regs) {}

    void assert_irq(std::uint32_t bits) { update(pending() | bits); }
    void clear_irq(std::uint32_t bits) { update(pending() & ~bits); }

    // What the firmware may clear itself; the others follow their source.
    static constexpr std::uint32_t kLatched = SKALD_CORE_IRQ_ENGINE | SKALD_CORE_IRQ_TLB;

    // The core's mip at card time `mtime` (microseconds).
    [[nodiscard]] std::uint32_t lines(std::uint64_t mtime) const {
        const bool external = (pending() & regs_.get(SKALD_CORE_IRQ_ENABLE)) != 0;
        const bool timer = mtime >= regs_.get64(SKALD_CORE_MTIMECMP_LO);
        return (external ? rv32::kExternalLine : 0) | (timer ? rv32::kTimerLine : 0);
    }

  private:
    [[nodiscard]] std::uint32_t pending() const { return regs_.get(SKALD_CORE_IRQ_PENDING); }
    void update(std::uint32_t pending_bits) { regs_.set(SKALD_CORE_IRQ_PENDING, pending_bits); }

    CoreRegisters& regs_;
};

}  // namespace skald::card
