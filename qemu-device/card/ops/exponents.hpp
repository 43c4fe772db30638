// SPDX-License-Identifier: MIT
// Weights whose blocks have an exponent for a scale: the one that is no scale but a fault.
#pragma once

#include <cstdint>
#include <optional>

#include "card/ops/machine.hpp"

namespace skald::card {

// Where in w the first such exponent is, among the rows of a row tile whose bits in `lanes` are
// set; the row tile begins at byte `at` of w and has rows of `length`. Nothing if there is none,
// the format has no exponents, or the engine is stopped.
[[nodiscard]] std::optional<std::uint64_t> find_bad_exponent(const Machine& m, const Worker& worker,
                                                             const isa::WeightInfo& info,
                                                             const View& w, std::uint64_t at,
                                                             unsigned lanes, std::uint64_t length);

}  // namespace skald::card
