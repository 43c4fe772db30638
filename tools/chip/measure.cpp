// SPDX-License-Identifier: MIT
#include "chip/measure.hpp"

#include <algorithm>
#include <cerrno>
#include <numeric>

#include "chip/capacity.hpp"
#include "chip/runnable.hpp"
#include "chip/stages.hpp"
#include "chip/widths.hpp"
#include "libskald/error.hpp"
#include "skald/isa.hpp"

namespace skald::chip {
namespace {

using Sums = local::ModelLog::Sums;

constexpr double kSecond = 1e12;  // ps
constexpr double kJoule = 1e15;   // fJ
constexpr std::uint32_t kSamples = 4;
// Of Measured::share, as the card's library numbers what decides (ModelLog::bound_name).
constexpr std::size_t kSequencer = 0, kHost = 5;

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

std::vector<TimedModel> shapes_of(const Task& task, std::uint32_t sequences) {
    ShapeRequest shape;
    shape.config = task.model;
    shape.weights = task.weights;
    shape.context = positions_of(task);
    shape.sequences = sequences;
    shape.rows = task.step;
    return timed_models(shape, task.group);
}

// A server fills a pipeline: as many batches as there are stages, of what memory has room for.
struct Batches {
    Batches(const Task& task, const local::ChipFacts& chip, const Footprint& of)
        : in_flight(task.batch ? 1u : task.group.pipeline) {
        const std::uint32_t room = std::max(sequences_in_memory(chip, of) / in_flight, 1u);
        size = task.queued ? std::min(task.batch.value_or(room), room) : task.batch.value_or(room);
        check_capacity(chip, of, size * in_flight);
    }

    std::uint32_t in_flight, size = 0;
};

std::uint32_t layers_of(std::span<const TimedModel> stages) {
    std::uint32_t layers = 0;
    for (const TimedModel& stage : stages)
        layers += stage.info().layers;
    return layers;
}

// What is read of the cache where heads that share keys and values do not share reading them.
double reads_of_cache(const Task& task, const container::ModelInfo& model) {
    return task.cache_by_query ? static_cast<double>(model.heads) / model.kv_heads : 1;
}

// Of so many tokens in the middle.
struct Step {
    Step(const StageSums& one, const StageSums& more, std::uint32_t tokens)
        : before(one.together()),
          after(more.together()),
          rest(more.beyond(one).together()),
          count(tokens),
          stage_s(static_cast<double>(more.busiest(one)) / kSecond / tokens) {}

    [[nodiscard]] double time_s() const { return (seconds(after) - seconds(before)) / count; }
    [[nodiscard]] double energy_j(double static_w) const {
        return (joules(after, static_w) - joules(before, static_w)) / count;
    }
    [[nodiscard]] double share(std::size_t bound) const {
        return static_cast<double>(rest.moved[bound]) / static_cast<double>(rest.time);
    }

    Sums before, after;
    Sums rest;  // of each stage what is between them, together
    double count;
    double stage_s;
};

Measured measured_of(const StageSums& prompt, const Step& step, const Batches& batches,
                     const local::ChipFacts& chip, const Group& group) {
    const Sums first = prompt.together();
    const bool alone = group.pipeline == 1;
    Measured measured;
    measured.batch = batches.size;
    measured.batches = batches.in_flight;
    measured.first_s = seconds(first);
    measured.token_s = step.time_s();
    measured.stage_first_s =
        alone ? measured.first_s : static_cast<double>(prompt.busiest()) / kSecond;
    measured.stage_token_s = alone ? measured.token_s : step.stage_s;
    measured.chips = group.chips();
    measured.boundary = chip.figure("boundary").text;
    for (std::size_t i = 0; i < measured.share.size(); ++i)
        measured.share[i] = step.share(i);
    if (chip.unknown_energy.empty()) {
        measured.static_w = chip.figure("static_w").value.value_or(0) * group.chips();
        const double joules_of_step = step.energy_j(measured.static_w);
        measured.first_j = joules(first, measured.static_w);
        measured.token_j = joules_of_step / batches.size;
        measured.mean_w =
            (step.energy_j(0) / measured.interval_s() + measured.static_w) / group.chips();
    }
    return measured;
}

// Layers of a step, and how many steps the prompts of a batch take.
struct Steps {
    std::uint32_t layers = 0, of_a_stage = 0, of_prompts = 0;
};

void launch_more(Measured& measured, std::uint32_t kernels, const local::ChipFacts& chip,
                 const Steps& steps) {
    constexpr double kNs = 1e-9;
    const double each = chip.figure("launch_ns").value.value_or(0) * kNs * kernels;
    const double stage_s = each * steps.of_a_stage, all_s = each * steps.layers;
    measured.delay_token(stage_s, all_s, kSequencer);
    measured.delay_first(stage_s * steps.of_prompts, all_s * steps.of_prompts);
}

// A host works beside the chip: what counts is by how much it takes longer. What it takes of a
// request is before the prompt, and the chip has others' meanwhile.
void ask_through(Measured& measured, const Software& software, const Steps& steps) {
    constexpr double kUs = 1e-6;
    const double prompt = software.prompt_layer_us * kUs * steps.of_prompts;
    measured.delay_first(std::max(prompt * steps.of_a_stage - measured.stage_first_s, 0.0),
                         std::max(prompt * steps.layers - measured.first_s, 0.0));
    measured.delay_first(0, software.request_us * kUs);
    const double tokens = software.token_us * kUs * measured.batch;
    measured.delay_token(std::max(tokens - measured.stage_token_s, 0.0),
                         std::max(tokens - measured.token_s, 0.0), kHost);
}

}  // namespace

void Measured::delay_token(double stage_s, double all_s, std::size_t bound) {
    if (mean_w)  // what work draws is the same
        mean_w =
            static_w / chips + (*mean_w - static_w / chips) * interval_s() /
                                   std::max(stage_token_s + stage_s, (token_s + all_s) / batches);
    if (token_j)
        *token_j += static_w * all_s / batch;
    for (double& part : share)
        part *= token_s / (token_s + all_s);
    share[bound] += all_s / (token_s + all_s);
    token_s += all_s;
    stage_token_s += stage_s;
}

void Measured::delay_first(double stage_s, double all_s) {
    if (first_j)
        *first_j += static_w * all_s;
    first_s += all_s;
    stage_first_s += stage_s;
}

std::optional<double> Measured::throughput_j(std::uint32_t generated) const {
    if (!first_j || !token_j)
        return std::nullopt;
    const double tokens = static_cast<double>(batch) * generated;
    const double work =
        *first_j + *token_j * batch * (generated - 1) - static_w * request_s(generated);
    return work / tokens + static_w / throughput(generated);
}

std::size_t Measured::bound() const {
    return static_cast<std::size_t>(std::ranges::max_element(share) - share.begin());
}

Measured measure(const Task& task) {
    if (task.prompt == 0 || task.generated == 0)
        throw rt::Error("a request has a prompt and at least one token after it", EINVAL);
    const local::ChipFacts chip = runnable_chip(task.chip, task.changes, task.group);
    std::vector<TimedModel> models = shapes_of(task, task.batch.value_or(0));
    const local::NumberWidths widths = widths_of(task.widths, models.front().info());
    const Batches batches(task, chip, footprint_of(models, task.group, positions_of(task), widths));
    if (batches.size != task.batch)
        models = shapes_of(task, batches.size);

    Setting setting;
    setting.chip = task.chip;
    setting.changes = task.changes;
    setting.widths = widths;
    setting.widths.kv *= reads_of_cache(task, models.front().info());
    setting.batch = batches.size;
    setting.positions = positions_of(task);
    Stages stages(models, task.group, setting);
    const Middle middle(task);
    const StageSums first = stages.request(task.prompt, 1);
    stages.advance(middle.position);
    const StageSums one = stages.tokens(1);
    const StageSums more = stages.tokens(1 + middle.samples);
    Measured measured =
        measured_of(first, Step(one, more, middle.samples), batches, chip, task.group);
    Steps steps;
    steps.layers = layers_of(models);
    steps.of_a_stage = isa::ceil_div(steps.layers, task.group.pipeline);
    steps.of_prompts = isa::ceil_div(batches.size * task.prompt, stages.chunk());
    launch_more(measured, task.more_kernels, chip, steps);
    ask_through(measured, task.software, steps);
    return measured;
}

}  // namespace skald::chip
