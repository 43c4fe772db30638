// SPDX-License-Identifier: MIT
#include "chip/run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <numeric>

#include "chip/capacity.hpp"
#include "chip/runnable.hpp"
#include "chip/stages.hpp"
#include "chip/widths.hpp"
#include "compile/progress_bar.hpp"
#include "libskald/error.hpp"

namespace skald::chip {
namespace {

constexpr double kSecond = 1e12;  // ps
constexpr double kJoule = 1e15;   // fJ

double joules(const local::ModelLog::Sums& sums) {
    return static_cast<double>(
               std::accumulate(sums.energy.begin(), sums.energy.end(), std::uint64_t{0})) /
           kJoule;
}

}  // namespace

double Outcome::first_token_s() const {
    return static_cast<double>(first.time) / kSecond;
}

double Outcome::token_s() const {
    return generated < 2 ? 0
                         : static_cast<double>(whole.time - first.time) / kSecond / (generated - 1);
}

double Outcome::user_rate() const {
    return token_s() > 0 ? 1 / token_s() : 0;
}

std::optional<double> Outcome::first_token_j() const {
    if (!unknown_energy.empty())
        return std::nullopt;
    return joules(first) + first_static_j;
}

std::optional<double> Outcome::token_j() const {
    if (!unknown_energy.empty() || generated < 2)
        return std::nullopt;
    return (joules(whole) + whole_static_j - joules(first) - first_static_j) /
           (static_cast<double>(generated - 1) * batch);
}

std::optional<double> Outcome::mean_w() const {
    const auto each = token_j();
    return each && token_s() > 0 ? std::optional(*each * batch / token_s()) : std::nullopt;
}

double Outcome::share(std::size_t bound) const {
    return rest.time == 0 ? 0
                          : static_cast<double>(rest.moved[bound]) / static_cast<double>(rest.time);
}

std::optional<double> Outcome::full_token_j() const {
    if (!unknown_energy.empty() || generated < 2)
        return std::nullopt;
    return (joules(whole) - joules(first)) / (static_cast<double>(generated - 1) * batch) +
           static_w / full_rate();
}

Outcome run(const RunOptions& options, bool keep_slices) {
    const Group& group = options.group;
    const local::ChipFacts chip = runnable_chip(options.chip, options.changes, group);
    if (keep_slices && group.chips() > 1)
        throw rt::Error("micro-ops are kept of a chip by itself: no --trace, no --roofline",
                        EINVAL);
    const std::vector<TimedModel> models = timed_models(options);
    const std::uint32_t positions = options.prompt + options.generated;
    const local::NumberWidths widths = widths_of(options.widths, models.front().info());
    const Footprint footprint = footprint_of(models, group, positions, widths);
    check_capacity(chip, footprint, options.batch);

    Setting setting;
    setting.chip = options.chip;
    setting.changes = options.changes;
    setting.widths = widths;
    setting.with_data = options.with_data;
    setting.slices = keep_slices;
    setting.batch = options.batch;
    setting.positions = positions;
    setting.chunk = options.chunk;
    compiler::ProgressBar bar;
    const std::uint64_t wanted = options.generated > 1 ? 1 + options.generated : 1;
    std::uint64_t made = 0;
    setting.on_tokens = [&](std::size_t count) {
        bar.show(made += count, wanted, fmt::format("{} tokens", wanted));
    };
    Stages stages(models, group, setting);

    Outcome outcome;
    outcome.chip = options.chip;
    outcome.model = options.shape.empty() ? options.model : models.front().name();
    outcome.widths = options.widths;
    outcome.prompt = options.prompt;
    outcome.generated = options.generated;
    outcome.batch = options.batch;
    outcome.chunk = stages.chunk();
    outcome.with_data = options.with_data;
    outcome.group = group;
    outcome.batches =
        std::clamp(sequences_in_memory(chip, footprint) / options.batch, 1u, group.pipeline);
    outcome.weight_bytes = static_cast<std::uint64_t>(weights_of(models, group, widths));
    const StageSums first = stages.request(options.prompt, 1);
    const StageSums whole =
        options.generated > 1 ? stages.request(options.prompt, options.generated) : first;
    outcome.first = first.together();
    outcome.whole = whole.together();
    outcome.rest = options.generated > 1 ? whole.beyond(first).together() : outcome.whole;
    if (group.pipeline > 1 && options.generated > 1)
        outcome.stage_s =
            static_cast<double>(whole.busiest(first)) / kSecond / (options.generated - 1);
    outcome.static_w = chip.figure("static_w").value.value_or(0) * group.chips();
    outcome.first_static_j = outcome.static_w * outcome.first_token_s();
    outcome.whole_static_j = outcome.static_w * static_cast<double>(outcome.whole.time) / kSecond;
    outcome.unknown_energy = chip.unknown_energy;
    outcome.boundary = chip.figure("boundary").text;
    outcome.slices = stages.slices();
    return outcome;
}

}  // namespace skald::chip
