// SPDX-License-Identifier: MIT
// The way of an empty job, place by place.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "bench/card_clock.hpp"
#include "drm/skald_accel.h"

namespace skald::bench {

// Each hop ends where the next one begins.
enum class Hop {
    kCall,        // our call -> the driver's SUBMIT
    kIoctl,       // -> it hands the job to the scheduler
    kScheduler,   // -> the job's turn: the driver writes the doorbell
    kDoorbell,    // -> the card has it
    kFirmware,    // -> the firmware gives the job to the engine
    kEngine,      // -> the engine begins
    kRun,         // -> the engine has ended
    kCompletion,  // -> the firmware's completion is on its way
    kInterrupt,   // -> the driver's interrupt handler
    kThread,      // -> its thread has found the completion
    kWakeUp,      // -> our call that waits has returned
};
inline constexpr std::size_t kHops = 11;
[[nodiscard]] std::string_view hop_name(Hop hop);

// What we saw of a job ourselves, CLOCK_MONOTONIC.
struct OwnTimes {
    std::int64_t called_ns = 0;
    std::int64_t returned_ns = 0;
};

// Nanoseconds of each hop. Hops between two clocks carry the error of their relation, and may be a
// little below 0 for it.
[[nodiscard]] std::array<double, kHops> hops_of(const drm_skald_job_stamps& job,
                                                const OwnTimes& own, const CardClock& clock);

// Samples of many jobs.
class HopSamples {
  public:
    void add(const std::array<double, kHops>& job);
    [[nodiscard]] const std::vector<double>& of(Hop hop) const {
        return samples_[static_cast<std::size_t>(hop)];
    }

  private:
    std::array<std::vector<double>, kHops> samples_;
};

}  // namespace skald::bench
