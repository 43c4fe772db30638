// SPDX-License-Identifier: MIT
// A batch of one, and scoring.
#include "libskald/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "libskald/error.hpp"
#include "libskald/step_plan.hpp"

namespace skald::rt {
namespace {

BatchOptions batch_of_one(const SessionOptions& options) {
    BatchOptions batch;
    batch.positions = {options.positions};
    batch.chunk = options.chunk;
    batch.time_budget_ns = options.time_budget_ns;
    batch.dump_rows = options.dump_rows;
    batch.profile = options.profile;
    return batch;
}

// The program has counted where the next one would go.
std::vector<float> scores_so_far(DecoderMemory& memory) {
    const std::uint64_t bytes = memory.args.get(program::kLogProbs) - memory.log_probs.va;
    const auto scored = memory.log_probs.items.first(bytes / sizeof(float));
    return {scored.begin(), scored.end()};
}

}  // namespace

Session::Session(Model& model, const SessionOptions& options)
    : batch_(model, batch_of_one(options)) {}

GenerateResult Session::generate(const GenerateRequest& request) {
    const SequenceRequest& only = request;
    return batch_.generate({&only, 1}, request.cancel_fd)[0];
}

bool Session::prefill(std::span<const TokenId> tokens, int cancel_fd) {
    return batch_.prefill({&tokens, 1}, cancel_fd);
}

Score Session::score(std::span<const TokenId> tokens, int cancel_fd, const OnLogits& on_logits) {
    if (tokens.size() < 2)
        throw Error("a text needs at least two tokens to be scored", EINVAL);
    Decoder& decoder = batch_.decoder();
    DecoderMemory& memory = decoder.memory();
    const auto inputs = static_cast<std::uint32_t>(tokens.size() - 1);
    if (inputs > capacity())
        throw Error(
            fmt::format("{} tokens do not fit the context of {} positions", inputs, capacity()),
            EMSGSIZE);
    std::uint32_t chunk = std::min(batch_.chunk(), decoder.info().max_selected);
    if (on_logits)
        chunk = std::min(chunk, decoder.dump_rows());
    if (chunk == 0)
        throw Error("logits were asked of a session without room for them", EINVAL);
    rollback(0);
    decoder.begin(program::kModeLogProb | (on_logits ? program::kModeDump : 0), inputs);
    const Run all{0, 0, {tokens.begin(), tokens.end() - 1}};
    std::uint32_t left = write_scoring(memory, all, chunk);
    std::copy(tokens.begin() + 1, tokens.end(), memory.targets.items.begin());
    const std::uint32_t part = on_logits ? decoder.dump_rows() / chunk : left;
    std::uint32_t rows = 0;
    while (left != 0) {
        const std::uint32_t steps = std::min(part, left);
        memory.args.set(program::kStepsLeft, steps);
        memory.args.set(program::kDump, memory.dump.va);
        if (!decoder.run_silent(cancel_fd))
            return {scores_so_far(memory), true};
        left -= steps;
        const std::uint32_t done = std::min(inputs, rows + steps * chunk);
        if (on_logits)
            on_logits(
                memory.dump.items.first(std::size_t{done - rows} * decoder.info().vocabulary));
        rows = done;
    }
    return {scores_so_far(memory), false};
}

}  // namespace skald::rt
