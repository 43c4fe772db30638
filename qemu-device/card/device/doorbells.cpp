// SPDX-License-Identifier: MIT
// Pending bits and tails of the doorbells.
#include "card/device/doorbells.hpp"

namespace skald::card {

void Doorbells::disconnect(std::uint32_t queue) {
    live_.reset(queue);
    acknowledge(queue / 32, 1u << (queue % 32));
    regs_.set(SKALD_CORE_DB_TAIL0 + 4 * queue, 0);
}

bool Doorbells::ring(std::uint32_t queue, std::uint32_t tail) {
    if (queue >= live_.size() || !live_.test(queue)) {
        return false;
    }
    const std::uint32_t word = word_offset(queue / 32);
    regs_.set(SKALD_CORE_DB_TAIL0 + 4 * queue, tail);
    regs_.set(word, regs_.get(word) | 1u << (queue % 32));
    irqs_.assert_irq(SKALD_CORE_IRQ_DOORBELL);
    return true;
}

void Doorbells::acknowledge(std::uint32_t word, std::uint32_t bits) {
    regs_.set(word_offset(word), regs_.get(word_offset(word)) & ~bits);
    for (std::uint32_t i = 0; i < SKALD_MAX_QUEUES / 32; ++i) {
        if (regs_.get(word_offset(i)) != 0) {
            return;
        }
    }
    irqs_.clear_irq(SKALD_CORE_IRQ_DOORBELL);
}

}  // namespace skald::card
