// SPDX-License-Identifier: MIT
#include "chip/runnable.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cerrno>

#include "libskald/error.hpp"

namespace skald::chip {

local::ChipFacts runnable_chip(const std::string& chip, const local::ChipChanges& changes) {
    local::ChipFacts facts = local::chip_facts(chip, changes);
    if (!facts.missing.empty())
        throw rt::Error(fmt::format("chip {} cannot be run, its profile lacks {} (llm-chip show {} "
                                    "says why)",
                                    facts.name, fmt::join(facts.missing, ", "), facts.name),
                        EINVAL);
    return facts;
}

TimedModel timed_model(const RunOptions& options) {
    if (options.shape.empty())
        return TimedModel(options.model);
    ShapeRequest shape;
    shape.config = options.shape;
    shape.weights = options.weights;
    shape.kv = options.kv;
    shape.context = options.prompt + options.generated;
    shape.sequences = options.batch;
    return TimedModel(shape);
}

}  // namespace skald::chip
