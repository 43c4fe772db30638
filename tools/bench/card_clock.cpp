// SPDX-License-Identifier: MIT
#include "bench/card_clock.hpp"

#include <algorithm>
#include <cerrno>

#include "libskald/error.hpp"

namespace skald::bench {
namespace {

constexpr int kTries = 16;

ClockReading reading_of(const drm_skald_query_clock& clock) {
    const auto width = static_cast<double>(clock.after_ns - clock.before_ns);
    return {clock.card_ns, static_cast<double>(clock.before_ns) + width / 2, width / 2};
}

}  // namespace

ClockReading read_clock(rt::Device& device) {
    ClockReading best = reading_of(device.clock());
    for (int i = 1; i < kTries; ++i) {
        const ClockReading next = reading_of(device.clock());
        if (next.error_ns < best.error_ns)
            best = next;
    }
    return best;
}

CardClock::CardClock(const ClockReading& before, const ClockReading& after)
    : origin_(before), error_ns_(std::max(before.error_ns, after.error_ns)) {
    if (after.card_ns <= before.card_ns)
        throw rt::Error("the card's clock went back: it was reset meanwhile", ECANCELED);
    rate_ = (after.host_ns - before.host_ns) / static_cast<double>(after.card_ns - before.card_ns);
}

double CardClock::to_host(std::uint64_t card_ns) const {
    const auto since = static_cast<double>(static_cast<std::int64_t>(card_ns - origin_.card_ns));
    return origin_.host_ns + since * rate_;
}

}  // namespace skald::bench
