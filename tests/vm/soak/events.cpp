// SPDX-License-Identifier: MIT
#include "events.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <stdexcept>

#include "skald/fault.h"

namespace skald::test {
namespace {

constexpr std::array kEvents = {
    Event{"ecc-corrected", By::kPlan, Hurts::kNobody, 0, 400},
    Event{"irq-lost", By::kPlan, Hurts::kNobody, 0, 10},
    Event{"irq-doubled", By::kPlan, Hurts::kNobody, 0, 10},
    Event{"doorbell-stuck", By::kPlan, Hurts::kNobody, 0, 10},
    Event{"memory-slow", By::kPlan, Hurts::kNobody, 0, 400},
    Event{"ecc-fatal", By::kPlan, Hurts::kOne, SKALD_FAULT_MEMORY_ERROR, 400},
    Event{"engine-hang", By::kPlan, Hurts::kOne, SKALD_FAULT_WATCHDOG, 400},
    Event{"core-hang", By::kPlan, Hurts::kCard, 0, 10},
    Event{"core-crash", By::kPlan, Hurts::kCard, 0, 10},
    Event{"dma-error", By::kPlan, Hurts::kCard, 0, 20},
    Event{kRemoval, By::kPlan, Hurts::kCard, 0, 30},
    Event{"kill", By::kKill, Hurts::kNobody, 0, 0},
    Event{"flr", By::kFlr, Hurts::kCard, 0, 0},
    Event{"unbind", By::kUnbind, Hurts::kCard, 0, 0},
};

}  // namespace

std::span<const Event> events() {
    return kEvents;
}

std::string plan_of(const Event& event, Random& random) {
    return fmt::format("{}:after={}:times=1", event.name, 1 + random() % event.chances);
}

unsigned hits_of(const Event& event, std::string_view tally) {
    if (tally.empty())
        return 0;
    constexpr std::string_view kHits = ":hits=";
    const auto at = tally.starts_with(event.name) ? tally.find(kHits) : tally.npos;
    unsigned hits = 0;
    if (at == tally.npos ||
        std::from_chars(tally.data() + at + kHits.size(), tally.data() + tally.size(), hits).ec !=
            std::errc())
        throw std::runtime_error(fmt::format("the card tells of {}: '{}'", event.name, tally));
    return hits;
}

}  // namespace skald::test
