// SPDX-License-Identifier: MIT
// Argument blocks and jobs.
#include "libskald/decoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "libskald/error.hpp"
#include "skald/regs.h"

namespace skald::rt {
namespace {

// Wake-ups are spaced by time alone: a fast model has thousands of tokens a second.
constexpr std::uint32_t kCoalesceTokens = 4096;
constexpr std::uint32_t kCoalesceUs = 60'000;

QueueOptions queue_options(std::uint32_t priority) {
    QueueOptions options;
    options.priority = priority;
    options.coalesce_tokens = kCoalesceTokens;
    options.coalesce_us = kCoalesceUs;
    return options;
}

BatchOptions resolved(const container::ModelInfo& info, BatchOptions options) {
    if (options.chunk > info.max_rows)
        throw Error(fmt::format("the model takes at most {} rows in a step, not {}", info.max_rows,
                                options.chunk),
                    EINVAL);
    if (options.chunk == 0)
        options.chunk = info.max_rows;
    const std::uint32_t most = std::min(info.max_sequences, info.max_selected);
    if (options.positions.empty() || options.positions.size() > most)
        throw Error(fmt::format("the model decodes 1 to {} sequences at a time, not {}", most,
                                options.positions.size()),
                    EINVAL);
    // The step that ends the prompts has a row of each.
    if (options.positions.size() > options.chunk)
        throw Error(fmt::format("{} sequences need steps of as many rows, not of {}",
                                options.positions.size(), options.chunk),
                    EINVAL);
    for (std::uint32_t& room : options.positions)
        room = room == 0 ? info.context : std::min(room, info.context);
    return options;
}

}  // namespace

Decoder::Decoder(Model& model, const BatchOptions& options)
    : model_(model),
      options_(resolved(model.info(), options)),
      memory_(model, options_.positions, options_.dump_rows),
      queue_(model.space(), queue_options(options_.priority)) {
    queue_.set_program(model.program());
}

bool Decoder::models_a_chip() const {
    return (model_.device().info().caps & SKALD_CAP_MODEL) != 0;
}

std::span<const skald_profile_model> Decoder::profile_model() const {
    return models_a_chip() ? memory_.profile_model.items : std::span<const skald_profile_model>{};
}

drm_skald_job Decoder::job() const {
    drm_skald_job job{};
    job.program_va = model_.program_va();
    job.program_ops = static_cast<std::uint32_t>(model_.program().size());
    job.args_va = memory_.args_va;
    job.profile_va = options_.profile ? memory_.profile.va : 0;
    if (options_.profile && models_a_chip())
        job.flags = DRM_SKALD_JOB_PROFILE_MODEL;
    job.time_budget_ns = options_.time_budget_ns;
    return job;
}

void Decoder::begin(std::uint64_t mode, std::uint32_t reach) {
    const std::uint32_t short_context = info().short_context;
    long_ = long_ || (short_context != 0 && reach > short_context);
    if (long_)
        mode |= program::kModeLong;
    ArgumentBlock& args = memory_.args;
    args.clear();
    args.set(program::kWeights, model_.weights_va());
    args.set(program::kKvPool, memory_.kv_va);
    args.set(program::kWork, memory_.work_va);
    args.set(program::kSequences, memory_.sequences.va);
    args.set(program::kBlocks, memory_.blocks.va);
    args.set(program::kKvBlocks, memory_.kv_blocks);
    args.set(program::kHistory, memory_.history.va);
    args.set(program::kRing, memory_.ring.va);
    args.set(program::kRingMask, memory_.ring.items.size() - 1);
    args.set(program::kSteps, memory_.steps.va);
    args.set(program::kTokens, memory_.tokens.va);
    args.set(program::kRows, memory_.rows.va);
    args.set(program::kSelect, memory_.select.va);
    args.set(program::kTargets, memory_.targets.va);
    args.set(program::kLogProbs, memory_.log_probs.va);
    args.set(program::kDecodeTokens, memory_.decode_tokens.va);
    args.set(program::kDecodeTable, memory_.decode_table.va);
    args.set(program::kActive, 1);
    args.set(program::kMode, mode);
}

JobRunner::End Decoder::run(int cancel_fd, const JobRunner::OnTokens& on_tokens) {
    if (broken_)
        throw Error("the session was cancelled in the middle of a step and cannot go on",
                    ECANCELED);
    JobRunner runner(queue_, memory_.args, job());
    broken_ = true;  // until the card is known to be done, also when this throws
    const JobRunner::End end = runner.run(cancel_fd, on_tokens);
    broken_ = runner.abandoned();
    return end;
}

bool Decoder::run_silent(int cancel_fd) {
    return run(cancel_fd, [](std::uint64_t, std::int64_t) { return JobRunner::Next::kMore; }) ==
           JobRunner::End::kDone;
}

}  // namespace skald::rt
