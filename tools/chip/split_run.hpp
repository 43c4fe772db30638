// SPDX-License-Identifier: MIT
// Requests of a model that is split among chips, by times alone: one card for each stage, since the
// chips of a stage do the same at the same time; stages wait for each other's messages.
#pragma once

#include "chip/options.hpp"
#include "chip/run.hpp"
#include "local/chip_facts.hpp"

namespace skald::chip {

// options.model names the files as llm-compile --split did: m.skald for m.rank0.skald and so on.
// Throws rt::Error.
[[nodiscard]] Outcome run_split(const Options& options, const local::ChipFacts& chip);

}  // namespace skald::chip
