// SPDX-License-Identifier: MIT
#include "chip/run.hpp"

#include <fmt/format.h>

#include <numeric>

#include "chip/capacity.hpp"
#include "chip/runnable.hpp"
#include "chip/stage.hpp"
#include "chip/widths.hpp"

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
    const bool alone = generated < 2;
    const std::uint64_t before = alone ? 0 : first.moved[bound];
    const std::uint64_t time = whole.time - (alone ? 0 : first.time);
    return time == 0 ? 0
                     : static_cast<double>(whole.moved[bound] - before) / static_cast<double>(time);
}

Outcome run(const RunOptions& options, bool keep_slices) {
    const local::ChipFacts chip = runnable_chip(options.chip, options.changes);
    const TimedModel model = timed_model(options);
    const std::uint32_t positions = options.prompt + options.generated;
    const local::NumberWidths widths = widths_of(options.widths, model.info());
    const Footprint footprint = footprint_of(model.weight_bytes(), model.info(), positions, widths);
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
    Stage stage(model, setting);

    Outcome outcome;
    outcome.chip = options.chip;
    outcome.model = model.name();
    outcome.widths = options.widths;
    outcome.prompt = options.prompt;
    outcome.generated = options.generated;
    outcome.batch = options.batch;
    outcome.chunk = stage.chunk();
    outcome.with_data = options.with_data;
    outcome.weight_bytes = static_cast<std::uint64_t>(footprint.weights);
    outcome.first = stage.request(options.prompt, 1);
    outcome.whole =
        options.generated > 1 ? stage.request(options.prompt, options.generated) : outcome.first;
    const double watts = chip.figure("static_w").value.value_or(0);
    outcome.first_static_j = watts * static_cast<double>(outcome.first.time) / kSecond;
    outcome.whole_static_j = watts * static_cast<double>(outcome.whole.time) / kSecond;
    outcome.unknown_energy = chip.unknown_energy;
    outcome.boundary = chip.figure("boundary").text;
    outcome.slices = stage.slices();
    return outcome;
}

}  // namespace skald::chip
