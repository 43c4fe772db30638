// SPDX-License-Identifier: MIT
// The card faults on impossible parameters; here they are refused with a sentence.
#include "libskald/sampling.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cmath>

#include "libskald/error.hpp"

namespace skald::rt {
namespace {

void require(bool good, const char* name, double value, const char* range) {
    if (!good)
        throw Error(fmt::format("{} cannot be {}: it must be {}", name, value, range), EINVAL);
}

// Logits are divided by both. Below these the quotient may overflow; long before, the best token is
// the only one that is ever chosen.
constexpr float kLeastTemperature = 1e-20f;
constexpr float kLeastPenalty = 1e-6f;

}  // namespace

void check(const Sampling& s) {
    require(std::isfinite(s.temperature) && s.temperature >= 0, "the temperature", s.temperature,
            "0 or more");
    require(s.top_p > 0 && s.top_p <= 1, "top-p", s.top_p, "above 0 and at most 1");
    require(s.min_p >= 0 && s.min_p <= 1, "min-p", s.min_p, "between 0 and 1");
    require(s.repeat_penalty >= kLeastPenalty && s.repeat_penalty <= 1 / kLeastPenalty,
            "the repeat penalty", s.repeat_penalty, "between 0.000001 and 1000000");
}

void apply(const Sampling& s, isa::Sequence& sequence) {
    sequence.seed = s.seed;
    sequence.request = s.request;
    sequence.temperature = s.temperature < kLeastTemperature ? 0 : s.temperature;
    sequence.top_k = s.top_k;
    sequence.top_p = s.top_p;
    sequence.min_p = s.min_p;
    sequence.repeat_penalty = s.repeat_penalty;
    sequence.repeat_last_n = s.repeat_last_n;
}

}  // namespace skald::rt
