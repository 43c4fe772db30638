// SPDX-License-Identifier: MIT
// Requests of a batch: checks, the prompts as runs of tokens, and the rounds of decoding.
#include "libskald/batch.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <string>

#include "libskald/decoding.hpp"
#include "libskald/downloader.hpp"
#include "libskald/error.hpp"
#include "libskald/step_plan.hpp"
#include "libskald/uploader.hpp"

namespace skald::rt {
namespace {

// "sequence 3: " where there are several to be told apart.
std::string label(std::span<const SequenceState> states, std::size_t sequence) {
    return states.size() == 1 ? "" : fmt::format("sequence {}: ", sequence);
}

// What has to go through the model for a sequence to go on: the token generated last, then the
// prompt. Without either, the token before is fed once more.
Run run_of(DecoderMemory& memory, std::uint32_t sequence, const SequenceState& state,
           std::span<const TokenId> prompt) {
    Run run{sequence, state.position, {}};
    run.tokens.reserve(prompt.size() + 1);
    if (state.pending)
        run.tokens.push_back(*state.pending);
    run.tokens.insert(run.tokens.end(), prompt.begin(), prompt.end());
    if (run.tokens.empty() && run.first != 0) {
        run.first--;
        run.tokens.push_back(memory.history_of(sequence, run.first));
    }
    return run;
}

SequenceState after(const Run& run) {
    return {run.first + static_cast<std::uint32_t>(run.tokens.size()), std::nullopt};
}

void check_request(const SequenceRequest& request, const std::string& who, const Run& run,
                   std::uint32_t room, std::uint32_t dump_rows) {
    if (run.tokens.empty())
        throw Error(who + "there is nothing to continue: the prompt has no tokens", EINVAL);
    if (request.stop_ids.size() > isa::kMaxStop)
        throw Error(fmt::format("{}at most {} stop tokens are possible, not {}", who, isa::kMaxStop,
                                request.stop_ids.size()),
                    EINVAL);
    // One position is for the first token to come.
    if (run.first + run.tokens.size() + 1 > room)
        throw Error(fmt::format("{}the prompt of {} tokens does not fit: the context has {} "
                                "positions, {} are used, and one is for the answer",
                                who, run.tokens.size(), room, run.first),
                    EMSGSIZE);
    if (request.on_logits && dump_rows == 0)
        throw Error("logits were asked of a session without room for them", EINVAL);
}

std::uint64_t kv_bytes(const container::ModelInfo& info, std::size_t positions) {
    return isa::ceil_div(positions, isa::kKvPositions) * info.block_bytes;
}

}  // namespace

Batch::Batch(Model& model, const BatchOptions& options)
    : decoder_(model, options), states_(options.positions.size()) {}

void Batch::rollback(std::uint32_t sequence, std::uint32_t position) {
    SequenceState& state = states_[sequence];
    if (position > state.position)
        throw Error(fmt::format("{}cannot roll back to position {}: the sequence is at {}",
                                label(states_, sequence), position, state.position),
                    EINVAL);
    state = {position, std::nullopt};
}

std::vector<std::byte> Batch::save(std::uint32_t sequence, std::uint32_t positions) {
    if (positions > states_[sequence].position)
        throw Error(fmt::format("{}cannot save {} positions: the sequence has {}",
                                label(states_, sequence), positions, position(sequence)),
                    EINVAL);
    std::vector<std::byte> kv(kv_bytes(decoder_.info(), positions));
    Downloader(decoder_.space()).copy(kv, decoder_.memory().kv_of(sequence));
    return kv;
}

void Batch::restore(std::uint32_t sequence, std::span<const TokenId> tokens,
                    std::span<const std::byte> kv) {
    if (tokens.size() > capacity(sequence))
        throw Error(fmt::format("{}{} tokens do not fit: the context has {} positions",
                                label(states_, sequence), tokens.size(), capacity(sequence)),
                    EMSGSIZE);
    const std::uint64_t bytes = kv_bytes(decoder_.info(), tokens.size());
    if (kv.size() < bytes)
        throw Error(fmt::format("{}{} bytes cannot be the keys and values of {} tokens",
                                label(states_, sequence), kv.size(), tokens.size()),
                    EINVAL);
    Uploader(decoder_.space()).copy(decoder_.memory().kv_of(sequence), kv.first(bytes));
    for (std::uint32_t position = 0; position < tokens.size(); position++)
        decoder_.memory().history_of(sequence, position) = tokens[position];
    states_[sequence] = {static_cast<std::uint32_t>(tokens.size()), std::nullopt};
}

std::vector<GenerateResult> Batch::generate(std::span<const SequenceRequest> requests,
                                            int cancel_fd) {
    if (requests.size() > states_.size())
        throw Error(fmt::format("a batch of {} sequences cannot meet {} requests", states_.size(),
                                requests.size()),
                    EINVAL);
    std::vector<GenerateResult> results(requests.size());
    std::vector<Run> runs;
    std::vector<Lane> lanes;
    const std::int64_t start_ns = decoder_.os().now_ns();
    for (std::uint32_t q = 0; q < requests.size(); q++) {
        const SequenceRequest& request = requests[q];
        check(request.sampling);
        results[q].prompt_tokens = static_cast<std::uint32_t>(request.prompt.size());
        results[q].start_ns = start_ns;
        Run run = run_of(decoder_.memory(), q, states_[q], request.prompt);
        check_request(request, label(states_, q), run, capacity(q), decoder_.dump_rows());
        if (request.max_tokens == 0)
            continue;
        lanes.emplace_back(q, request, states_[q], after(run), capacity(q), results[q]);
        runs.push_back(std::move(run));
    }
    if (!lanes.empty())
        Decoding(decoder_, lanes).run(runs, cancel_fd);
    return results;
}

bool Batch::prefill(std::span<const std::span<const TokenId>> prompts, int cancel_fd) {
    if (prompts.size() > states_.size())
        throw Error(fmt::format("a batch of {} sequences cannot take {} prompts", states_.size(),
                                prompts.size()),
                    EINVAL);
    std::vector<Run> runs;
    for (std::uint32_t q = 0; q < prompts.size(); q++) {
        if (prompts[q].empty())
            continue;
        runs.push_back(run_of(decoder_.memory(), q, states_[q], prompts[q]));
        if (after(runs.back()).position > capacity(q))
            throw Error(
                fmt::format("{}{} tokens do not fit: the context has {} positions, {} are "
                            "used",
                            label(states_, q), prompts[q].size(), capacity(q), states_[q].position),
                EMSGSIZE);
    }
    if (runs.empty())
        return true;
    std::uint32_t reach = 0;
    for (const Run& run : runs)
        reach = std::max(reach, after(run).position);
    decoder_.begin(0, reach);
    decoder_.memory().args.set(program::kStepsLeft,
                               write_prefill(decoder_.memory(), runs, chunk(), false));
    if (!decoder_.run_silent(cancel_fd))
        return false;
    for (const Run& run : runs)
        states_[run.sequence] = after(run);
    return true;
}

}  // namespace skald::rt
