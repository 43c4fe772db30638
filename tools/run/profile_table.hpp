// SPDX-License-Identifier: MIT
// The profile of a program in columns: what the emulation spent on this host, and what the modelled
// chip would spend.
#pragma once

#include <span>
#include <string>

#include "skald/isa.hpp"
#include "skald/ring.h"

namespace skald::run {

// profile: one record per micro-op of the program; model: likewise, or empty where the card tells
// nothing of joules and of what bounds.
[[nodiscard]] std::string profile_table(std::span<const isa::MicroOp> program,
                                        std::span<const skald_profile> profile,
                                        std::span<const skald_profile_model> model = {});

}  // namespace skald::run
