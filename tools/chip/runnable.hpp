// SPDX-License-Identifier: MIT
// What a command line means of chips and models, or why it cannot be.
#pragma once

#include <vector>

#include "chip/options.hpp"
#include "chip/timed_model.hpp"
#include "local/chip_facts.hpp"

namespace skald::chip {

// Throws rt::Error with what its profile lacks for a run, by itself or with others.
[[nodiscard]] local::ChipFacts runnable_chip(const std::string& chip,
                                             const local::ChipChanges& changes,
                                             const Group& group = {});
// The compiled model, or the shape with room for the request: of each stage of the group.
[[nodiscard]] std::vector<TimedModel> timed_models(const RunOptions& options);

}  // namespace skald::chip
