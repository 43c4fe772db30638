// SPDX-License-Identifier: MIT
#include "chip/runnable.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cerrno>

#include "libskald/error.hpp"

namespace skald::chip {

local::ChipFacts runnable_chip(const std::string& chip, const local::ChipChanges& changes,
                               const Group& group) {
    local::ChipFacts facts = local::chip_facts(chip, changes);
    if (!facts.missing.empty())
        throw rt::Error(fmt::format("chip {} cannot be run, its profile lacks {} (llm-chip show {} "
                                    "says why)",
                                    facts.name, fmt::join(facts.missing, ", "), facts.name),
                        EINVAL);
    if (group.chips() == 1)
        return facts;
    if (!facts.figure("link_gbs").value)
        throw rt::Error(fmt::format("chip {} cannot be run with others, its profile lacks link_gbs",
                                    facts.name),
                        EINVAL);
    if (!facts.figure("pj_bit_link").value)
        facts.unknown_energy.emplace_back("pj_bit_link");
    return facts;
}

std::vector<TimedModel> timed_models(const RunOptions& options) {
    if (options.shape.empty())
        return timed_models(options.model, options.group);
    ShapeRequest shape;
    shape.config = options.shape;
    shape.weights = options.weights;
    shape.kv = options.kv;
    shape.context = options.prompt + options.generated;
    shape.sequences = options.batch;
    shape.rows = options.chunk;
    return timed_models(shape, options.group);
}

}  // namespace skald::chip
