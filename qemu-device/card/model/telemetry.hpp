// SPDX-License-Identifier: MIT
// What a card's modelled chip has done since its reset, for who asks from outside.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string>

#include "card/model/units.hpp"

namespace skald::card::model {

// What does not change while the card is there.
struct ChipIdentity {
    std::string name;  // empty: none is modelled
    bool energy_known = false;
    std::uint32_t idle_mw = 0, rated_mw = 0;  // 0: not known
};
struct Chip;
[[nodiscard]] ChipIdentity identity_of(const Chip* chip);

struct Telemetry {
    Ps time = 0;  // all runs', one after the other
    std::array<Ps, kEngines> busy{};
    Ps dram = 0;  // that its channel was busy
    std::uint64_t dram_bytes = 0;
    Fj energy = 0;
    // Counted apart: jobs and preemptions, their time and energy.
    std::uint64_t jobs = 0, preemptions = 0;
    Ps apart = 0;
    Fj apart_energy = 0;
};

// What the engine's thread writes now and then, and any thread reads.
class SharedTelemetry {
  public:
    void put(const Telemetry& now) {
        const std::lock_guard guard(lock_);
        last_ = now;
    }
    [[nodiscard]] Telemetry get() const {
        const std::lock_guard guard(lock_);
        return last_;
    }

  private:
    mutable std::mutex lock_;
    Telemetry last_;
};

}  // namespace skald::card::model
