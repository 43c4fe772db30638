// SPDX-License-Identifier: MIT
// The card's clock in terms of ours: a line through two readings, before and after what happened.
#pragma once

#include <cstdint>

#include "libskald/device.hpp"

namespace skald::bench {

// One reading of both clocks.
struct ClockReading {
    std::uint64_t card_ns = 0;
    double host_ns = 0;   // CLOCK_MONOTONIC, the middle of the interval in which it was read
    double error_ns = 0;  // half of that interval
};

// The narrowest of several.
[[nodiscard]] ClockReading read_clock(rt::Device& device);

class CardClock {
  public:
    // The card's clock went on between the readings.
    CardClock(const ClockReading& before, const ClockReading& after);

    [[nodiscard]] double to_host(std::uint64_t card_ns) const;
    // Of any time between the readings.
    [[nodiscard]] double error_ns() const { return error_ns_; }

  private:
    ClockReading origin_;
    double rate_;  // our nanoseconds in one of the card's
    double error_ns_;
};

}  // namespace skald::bench
