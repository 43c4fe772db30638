// SPDX-License-Identifier: MIT
#include "card/device/job_stamps.hpp"

#include <algorithm>
#include <utility>

namespace skald::card {

void JobStamps::rung(std::uint32_t queue, std::uint32_t before, std::uint32_t tail,
                     std::uint64_t now) {
    auto& doorbell = queues_[queue].doorbell;
    // The host may write anything; the firmware judges it, here it only must not take long.
    const std::uint32_t count = std::min(tail - before, SKALD_COMPLETION_SLOTS);
    for (std::uint32_t i = 0; i < count; ++i)
        doorbell[(before + i) % SKALD_COMPLETION_SLOTS] = now;
}

void JobStamps::ran(std::uint32_t queue, std::uint64_t began, std::uint64_t ended) {
    skald_stamps& run = queues_[queue].run;
    if (run.began == 0)
        run.began = began;
    run.ended = ended;
}

skald_stamps JobStamps::take(std::uint32_t queue, std::uint64_t seq) {
    Queue& from = queues_[queue];
    skald_stamps stamps = std::exchange(from.run, skald_stamps{});
    stamps.doorbell = std::exchange(from.doorbell[(seq - 1) % SKALD_COMPLETION_SLOTS], 0);
    return stamps;
}

}  // namespace skald::card
