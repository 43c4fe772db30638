// SPDX-License-Identifier: MIT
// The time of a card: the clock port's. A card that was loaded from a snapshot goes on with the
// time that was saved, whatever its port says.
#pragma once

#include <atomic>
#include <cstdint>

#include "card/ports.hpp"

namespace skald::card {

class CardClock final : public Clock {
  public:
    explicit CardClock(const Clock& port) : port_(port) {}

    [[nodiscard]] std::uint64_t now_ns() const override {
        return port_.now_ns() + offset_.load(std::memory_order_relaxed);
    }
    // From now on it goes on from `now`. Nothing that measures time runs meanwhile.
    void set(std::uint64_t now) { offset_.store(now - port_.now_ns()); }

  private:
    const Clock& port_;
    std::atomic<std::uint64_t> offset_{0};  // modulo 2^64
};

}  // namespace skald::card
