// SPDX-License-Identifier: MIT
// All combinations.
#include "bench/cases.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace skald::bench {

std::string Case::name() const {
    std::string text;
    if (prompt != 0)
        text += fmt::format("pp{}", prompt);
    if (answer != 0)
        text += fmt::format("{}tg{}", prompt != 0 ? "+" : "", answer);
    if (parallel != 1)
        text += fmt::format(" x{}", parallel);
    if (depth != 0)
        text += fmt::format(" @ d{}", depth);
    return text;
}

std::vector<Case> cases_of(const Options& options) {
    std::vector<Case> cases;
    for (const std::uint32_t depth : options.depths)
        for (const std::uint32_t parallel : options.parallel) {
            for (const std::uint32_t prompt : options.prompts)
                if (prompt != 0)
                    cases.push_back({prompt, 0, depth, parallel});
            for (const std::uint32_t answer : options.answers)
                if (answer != 0)
                    cases.push_back({0, answer, depth, parallel});
            for (const auto& [prompt, answer] : options.mixed)
                cases.push_back({prompt, answer, depth, parallel});
        }
    return cases;
}

Options fitted_to(const container::ModelInfo& info, Options options) {
    if (options.prompts_chosen)
        return options;
    const std::uint64_t used = std::ranges::max(options.depths) + std::uint64_t{Case{1}.chosen()};
    for (std::uint32_t& prompt : options.prompts)
        if (used < info.context)
            prompt = std::min(prompt, static_cast<std::uint32_t>(info.context - used));
    return options;
}

void check_fits(const Case& test, const Options& options, const container::ModelInfo& info,
                const std::string& model) {
    if (test.positions() > info.context)
        throw UsageError(fmt::format("{} needs {} positions, {} has {}", test.name(),
                                     test.positions(), model, info.context));
    if (test.parallel > info.max_sequences)
        throw UsageError(fmt::format("{} needs {} sequences at a time, {} has room for {}",
                                     test.name(), test.parallel, model, info.max_sequences));
    if (options.chunk > info.max_rows)
        throw UsageError(fmt::format("--chunk {} is too much: {} takes at most {} rows in a step",
                                     options.chunk, model, info.max_rows));
    const std::uint32_t rows = options.chunk != 0 ? options.chunk : info.max_rows;
    if (test.parallel > rows)
        throw UsageError(
            fmt::format("steps of {} rows are too small for {}, which needs a row for "
                        "each of its {} sequences (--chunk)",
                        rows, test.name(), test.parallel));
}

}  // namespace skald::bench
