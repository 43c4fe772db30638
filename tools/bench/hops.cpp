// SPDX-License-Identifier: MIT
#include "bench/hops.hpp"

namespace skald::bench {

std::string_view hop_name(Hop hop) {
    switch (hop) {
        case Hop::kCall:
            return "call to ioctl";
        case Hop::kIoctl:
            return "ioctl";
        case Hop::kScheduler:
            return "scheduler";
        case Hop::kDoorbell:
            return "doorbell";
        case Hop::kFirmware:
            return "firmware: launch";
        case Hop::kEngine:
            return "engine starts";
        case Hop::kRun:
            return "engine runs";
        case Hop::kCompletion:
            return "firmware: completion";
        case Hop::kInterrupt:
            return "interrupt";
        case Hop::kThread:
            return "interrupt thread";
        case Hop::kWakeUp:
            return "wake-up";
    }
    return "";
}

std::array<double, kHops> hops_of(const drm_skald_job_stamps& job, const OwnTimes& own,
                                  const CardClock& clock) {
    // A driver of 1.1 does not tell: then all of it counts as the scheduler's.
    const std::int64_t pushed_ns = job.pushed_ns != 0 ? job.pushed_ns : job.submit_ns;
    const std::array<double, kHops + 1> places{
        static_cast<double>(own.called_ns),  static_cast<double>(job.submit_ns),
        static_cast<double>(pushed_ns),      static_cast<double>(job.doorbell_ns),
        clock.to_host(job.card_doorbell_ns), clock.to_host(job.card_launched_ns),
        clock.to_host(job.card_began_ns),    clock.to_host(job.card_ended_ns),
        clock.to_host(job.card_written_ns),  static_cast<double>(job.interrupt_ns),
        static_cast<double>(job.seen_ns),    static_cast<double>(own.returned_ns),
    };
    std::array<double, kHops> hops{};
    for (std::size_t i = 0; i < kHops; ++i)
        hops[i] = places[i + 1] - places[i];
    return hops;
}

void HopSamples::add(const std::array<double, kHops>& job) {
    for (std::size_t i = 0; i < kHops; ++i)
        samples_[i].push_back(job[i]);
}

}  // namespace skald::bench
