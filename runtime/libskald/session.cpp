// SPDX-License-Identifier: MIT
// Requests as argument blocks and tables; see uapi/doc/program.md for what the program makes of
// them.
#include "libskald/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "libskald/error.hpp"
#include "libskald/step_plan.hpp"

namespace skald::rt {
namespace {

// Wake-ups are spaced by time alone: a fast model has thousands of tokens a second.
constexpr std::uint32_t kCoalesceTokens = 4096;
constexpr std::uint32_t kCoalesceUs = 60'000;

QueueOptions queue_options() {
    QueueOptions options;
    options.coalesce_tokens = kCoalesceTokens;
    options.coalesce_us = kCoalesceUs;
    return options;
}

std::uint32_t chosen_chunk(const container::ModelInfo& info, const SessionOptions& options) {
    if (options.chunk > info.max_rows)
        throw Error(fmt::format("the model takes at most {} rows in a step, not {}", info.max_rows,
                                options.chunk),
                    EINVAL);
    return options.chunk != 0 ? options.chunk : info.max_rows;
}

}  // namespace

Session::Session(Model& model, const SessionOptions& options)
    : model_(model),
      positions_(options.positions == 0 ? model.info().context
                                        : std::min(options.positions, model.info().context)),
      chunk_(chosen_chunk(model.info(), options)),
      options_(options),
      memory_(model, positions_, options.dump_rows),
      queue_(model.space(), queue_options()) {
    queue_.set_program(model.program());
    for (std::uint32_t i = 0; i < memory_.kv_blocks; i++)
        memory_.blocks.items[i] = i;
    // Beyond the pool: a position that has no room faults instead of using another's.
    for (std::uint32_t i = memory_.kv_blocks; i < memory_.blocks.items.size(); i++)
        memory_.blocks.items[i] = UINT32_MAX;
}

void Session::rollback(std::uint32_t position) {
    if (position > position_)
        throw Error(fmt::format("cannot roll back to position {}: the sequence is at {}", position,
                                position_),
                    EINVAL);
    keep(position, std::nullopt);
}

void Session::keep(std::uint32_t position, std::optional<TokenId> last) {
    position_ = position;
    pending_ = last;
}

drm_skald_job Session::job() const {
    drm_skald_job job{};
    job.program_va = model_.program_va();
    job.program_ops = static_cast<std::uint32_t>(model_.program().size());
    job.args_va = memory_.args_va;
    job.profile_va = options_.profile ? memory_.profile.va : 0;
    job.time_budget_ns = options_.time_budget_ns;
    return job;
}

void Session::reset_arguments(std::uint64_t mode) {
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

JobRunner::End Session::run(int cancel_fd, const JobRunner::OnTokens& on_tokens) {
    if (broken_)
        throw Error("the session was cancelled in the middle of a step and cannot go on",
                    ECANCELED);
    JobRunner runner(queue_, memory_.args, job());
    broken_ = true;  // until the card is known to be done, also when this throws
    const JobRunner::End end = runner.run(cancel_fd, on_tokens);
    broken_ = runner.abandoned();
    return end;
}

// ---- Generating ------------------------------------------------------------------------------

void Session::check_request(const GenerateRequest& request) const {
    check(request.sampling);
    const std::size_t prompt = request.prompt.size() + (pending_ ? 1 : 0);
    if (prompt == 0)
        throw Error("there is nothing to continue: the prompt has no tokens", EINVAL);
    if (request.stop_ids.size() > isa::kMaxStop)
        throw Error(fmt::format("at most {} stop tokens are possible, not {}", isa::kMaxStop,
                                request.stop_ids.size()),
                    EINVAL);
    // One position is for the first token to come.
    if (position_ + prompt + 1 > positions_)
        throw Error(fmt::format("the prompt of {} tokens does not fit: the context has {} "
                                "positions, {} are used, and one is for the answer",
                                prompt, positions_, position_),
                    EMSGSIZE);
    if (request.on_logits && options_.dump_rows == 0)
        throw Error("logits were asked of a session without room for them", EINVAL);
}

void Session::start_sequence(const GenerateRequest& request) {
    std::vector<TokenId> tokens;
    if (pending_)
        tokens.push_back(*pending_);
    tokens.insert(tokens.end(), request.prompt.begin(), request.prompt.end());
    reset_arguments(program::kModeSample | (request.on_logits ? program::kModeDump : 0));
    memory_.args.set(program::kStepsLeft,
                     write_steps(memory_, tokens, position_, chunk_, Selected::kLast));
    isa::Sequence sequence{};
    apply(request.sampling, sequence);
    sequence.n_stop = static_cast<std::uint32_t>(request.stop_ids.size());
    std::copy(request.stop_ids.begin(), request.stop_ids.end(), sequence.stop);
    memory_.sequences.items[0] = sequence;
    keep(position_ + static_cast<std::uint32_t>(tokens.size()), std::nullopt);
}

GenerateResult Session::generate(const GenerateRequest& request) {
    check_request(request);
    GenerateResult result;
    result.prompt_tokens = static_cast<std::uint32_t>(request.prompt.size());
    result.start_ns = queue_.os().now_ns();
    if (request.max_tokens == 0)
        return result;
    start_sequence(request);
    const std::uint32_t before = position_;  // position of the first token to come
    const std::uint32_t room = positions_ - before;
    const std::uint32_t wanted = std::min(request.max_tokens, room);
    const std::uint32_t part = request.on_logits ? options_.dump_rows : wanted;
    auto end = JobRunner::End::kDone;
    result.reason = wanted < request.max_tokens ? StopReason::kContext : StopReason::kLength;
    while (end == JobRunner::End::kDone && result.tokens < wanted &&
           result.reason != StopReason::kStopToken)
        end = generate_part(request, std::min(part, wanted - result.tokens), result);
    if (end == JobRunner::End::kCancelled)
        result.reason = StopReason::kCancelled;
    else if (end == JobRunner::End::kStopped)
        result.reason = StopReason::kCaller;
    return result;
}

JobRunner::End Session::generate_part(const GenerateRequest& request, std::uint32_t wanted,
                                      GenerateResult& result) {
    isa::Sequence& sequence = memory_.sequences.items[0];
    sequence.remaining = wanted;
    sequence.flags = 0;
    memory_.args.set(program::kActive, 1);
    memory_.args.set(program::kRingIndex, 0);
    memory_.args.set(program::kDump, memory_.dump.va);
    std::uint64_t taken = 0;
    const std::uint32_t before = result.tokens;
    const JobRunner::End end = run(request.cancel_fd, [&](std::uint64_t count, std::int64_t at_ns) {
        const std::uint64_t first = taken;
        taken += count;
        return deliver(request, first, count, at_ns, result);
    });
    if (request.on_logits)
        request.on_logits(memory_.dump.items.first(std::size_t{result.tokens - before} *
                                                   model_.info().vocabulary));
    return end;
}

JobRunner::Next Session::deliver(const GenerateRequest& request, std::uint64_t first,
                                 std::uint64_t count, std::int64_t at_ns, GenerateResult& result) {
    std::vector<Token> tokens;
    tokens.reserve(count);
    for (std::uint64_t i = 0; i < count; i++) {
        const skald_token& entry =
            memory_.ring.items[(first + i) & (memory_.ring.items.size() - 1)];
        tokens.push_back({entry.token, entry.position, (entry.flags & SKALD_TOKEN_STOP) != 0});
    }
    const bool last =
        (memory_.ring.items[(first + count - 1) & (memory_.ring.items.size() - 1)].flags &
         SKALD_TOKEN_LAST) != 0;
    const Taken taken = request.on_tokens ? request.on_tokens(tokens) : Taken{tokens.size(), true};
    tokens.resize(std::min(taken.count, tokens.size()));
    if (!tokens.empty()) {
        if (result.tokens == 0) {
            result.first_ns = at_ns;
            result.first_tokens = static_cast<std::uint32_t>(tokens.size());
        }
        result.last_ns = at_ns;
        result.tokens += static_cast<std::uint32_t>(tokens.size());
        if (tokens.back().stop)
            result.reason = StopReason::kStopToken;
        keep(tokens.back().position, tokens.back().id);
    }
    if (!taken.more || tokens.size() < count)
        return JobRunner::Next::kStop;
    return last ? JobRunner::Next::kLast : JobRunner::Next::kMore;
}

// ---- Scoring ---------------------------------------------------------------------------------

std::optional<std::vector<float>> Session::score(std::span<const TokenId> tokens, int cancel_fd,
                                                 const OnLogits& on_logits) {
    if (tokens.size() < 2)
        throw Error("a text needs at least two tokens to be scored", EINVAL);
    const auto inputs = static_cast<std::uint32_t>(tokens.size() - 1);
    if (inputs > positions_)
        throw Error(
            fmt::format("{} tokens do not fit the context of {} positions", inputs, positions_),
            EMSGSIZE);
    std::uint32_t chunk = std::min(chunk_, model_.info().max_selected);
    if (on_logits)
        chunk = std::min(chunk, options_.dump_rows);
    if (chunk == 0)
        throw Error("logits were asked of a session without room for them", EINVAL);
    keep(0, std::nullopt);
    reset_arguments(program::kModeLogProb | (on_logits ? program::kModeDump : 0));
    std::uint32_t left = write_steps(memory_, tokens.first(inputs), 0, chunk, Selected::kAll);
    std::copy(tokens.begin() + 1, tokens.end(), memory_.targets.items.begin());
    const std::uint32_t part = on_logits ? options_.dump_rows / chunk : left;
    std::uint32_t rows = 0;
    while (left != 0) {
        const std::uint32_t steps = std::min(part, left);
        memory_.args.set(program::kStepsLeft, steps);
        memory_.args.set(program::kDump, memory_.dump.va);
        if (run(cancel_fd, [](std::uint64_t, std::int64_t) { return JobRunner::Next::kMore; }) !=
            JobRunner::End::kDone)
            return std::nullopt;
        left -= steps;
        const std::uint32_t done = std::min(inputs, rows + steps * chunk);
        if (on_logits)
            on_logits(
                memory_.dump.items.first(std::size_t{done - rows} * model_.info().vocabulary));
        rows = done;
    }
    const auto scored = memory_.log_probs.items.first(inputs);
    return std::vector<float>(scored.begin(), scored.end());
}

}  // namespace skald::rt
