// SPDX-License-Identifier: MIT
// The doorbells of BAR2: remembers the last tail of each queue and that the firmware has not looked
// yet. Callers hold the card's lock.
#pragma once

#include <bitset>
#include <cstdint>

#include "card/device/core_registers.hpp"
#include "card/device/interrupt_controller.hpp"

namespace skald::card {

class Doorbells {
  public:
    Doorbells(CoreRegisters& regs, InterruptController& irqs) : regs_(regs), irqs_(irqs) {}

    void reset() { live_.reset(); }
    // Only queues that are set up have a doorbell.
    void connect(std::uint32_t queue) { live_.set(queue); }
    void disconnect(std::uint32_t queue);

    // From the host; false if the queue has none.
    [[nodiscard]] bool ring(std::uint32_t queue, std::uint32_t tail);
    // The value last written, 0 at first; also for numbers that are no queue's.
    [[nodiscard]] std::uint32_t tail(std::uint32_t queue) const {
        return queue < live_.size() ? regs_.get(SKALD_CORE_DB_TAIL0 + 4 * queue) : 0;
    }
    // From the firmware: clears pending bits of one word.
    void acknowledge(std::uint32_t word, std::uint32_t bits);

  private:
    [[nodiscard]] static std::uint32_t word_offset(std::uint32_t word) {
        return SKALD_CORE_DB_PENDING0 + 4 * word;
    }

    CoreRegisters& regs_;
    InterruptController& irqs_;
    std::bitset<SKALD_MAX_QUEUES> live_;
};

}  // namespace skald::card
