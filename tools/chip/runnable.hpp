// SPDX-License-Identifier: MIT
// What a command line means of chips and models, or why it cannot be.
#pragma once

#include "chip/options.hpp"
#include "chip/timed_model.hpp"
#include "local/chip_facts.hpp"

namespace skald::chip {

// Throws rt::Error with what its profile lacks for a run.
[[nodiscard]] local::ChipFacts runnable_chip(const std::string& chip,
                                             const local::ChipChanges& changes);
// The compiled model, or the shape with room for the request.
[[nodiscard]] TimedModel timed_model(const RunOptions& options);

}  // namespace skald::chip
