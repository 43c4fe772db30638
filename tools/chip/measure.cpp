// SPDX-License-Identifier: MIT
#include "chip/measure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <numeric>

#include "chip/capacity.hpp"
#include "chip/runnable.hpp"
#include "chip/stage.hpp"
#include "chip/widths.hpp"
#include "libskald/error.hpp"

namespace skald::chip {
namespace {

using Sums = local::ModelLog::Sums;

constexpr double kSecond = 1e12;  // ps
constexpr double kJoule = 1e15;   // fJ
constexpr std::uint32_t kSamples = 4;

double seconds(const Sums& sums) {
    return static_cast<double>(sums.time) / kSecond;
}

double joules(const Sums& sums, double static_w) {
    return static_cast<double>(
               std::accumulate(sums.energy.begin(), sums.energy.end(), std::uint64_t{0})) /
               kJoule +
           static_w * seconds(sums);
}

// The middle of the tokens that follow, and how many of them are looked at there.
struct Middle {
    explicit Middle(const Task& task)
        : position(task.prompt + (task.generated - 1) / 2),
          samples(std::clamp(task.generated - 1, 1u, kSamples)) {}
    [[nodiscard]] std::uint32_t positions() const { return position + samples + 2; }

    std::uint32_t position, samples;
};

std::uint32_t positions_of(const Task& task) {
    return std::max(task.prompt + task.generated, Middle(task).positions());
}

TimedModel shape_of(const Task& task, std::uint32_t sequences) {
    ShapeRequest shape;
    shape.config = task.model;
    shape.weights = task.weights;
    shape.context = positions_of(task);
    shape.sequences = sequences;
    return TimedModel(shape);
}

Measured on_one_chip(const Task& task) {
    const local::ChipFacts chip = runnable_chip(task.chip, task.changes);
    TimedModel model = shape_of(task, task.batch.value_or(0));
    const local::NumberWidths widths = widths_of(task.widths, model.info());
    const Footprint footprint =
        footprint_of(model.weight_bytes(), model.info(), positions_of(task), widths);
    const std::uint32_t batch = task.batch.value_or(sequences_in_memory(chip, footprint));
    check_capacity(chip, footprint, std::max(batch, 1u));
    if (!task.batch)
        model = shape_of(task, batch);

    Setting setting;
    setting.chip = task.chip;
    setting.changes = task.changes;
    setting.widths = widths;
    setting.batch = batch;
    setting.positions = positions_of(task);
    Stage stage(model, setting);
    const Middle middle(task);
    const Sums first = stage.request(task.prompt, 1);
    stage.advance(middle.position);
    const Sums one = stage.tokens(1);
    const Sums more = stage.tokens(1 + middle.samples);

    Measured measured;
    measured.batch = batch;
    measured.first_s = seconds(first);
    measured.token_s = (seconds(more) - seconds(one)) / middle.samples;
    measured.boundary = chip.figure("boundary").text;
    for (std::size_t i = 0; i < measured.share.size(); ++i)
        measured.share[i] = static_cast<double>(more.moved[i] - one.moved[i]) /
                            static_cast<double>(more.time - one.time);
    if (chip.unknown_energy.empty()) {
        const double watts = chip.figure("static_w").value.value_or(0);
        const double step = (joules(more, watts) - joules(one, watts)) / middle.samples;
        measured.first_j = joules(first, watts);
        measured.token_j = step / batch;
        measured.mean_w = step / measured.token_s;
    }
    return measured;
}

}  // namespace

NeedsSplit::NeedsSplit(const Group& group)
    : std::runtime_error(
          fmt::format("needs --split tensor={},pipeline={}", group.tensor, group.pipeline)) {}

std::optional<double> Measured::throughput_j(std::uint32_t generated) const {
    if (!first_j || !token_j)
        return std::nullopt;
    return *first_j / (static_cast<double>(batch) * generated) +
           *token_j * (generated - 1) / generated;
}

std::size_t Measured::bound() const {
    return static_cast<std::size_t>(std::ranges::max_element(share) - share.begin());
}

Measured measure(const Task& task) {
    if (task.prompt == 0 || task.generated == 0)
        throw rt::Error("a request has a prompt and at least one token after it", EINVAL);
    if (task.group.chips() != 1)
        throw NeedsSplit(task.group);
    return on_one_chip(task);
}

}  // namespace skald::chip
