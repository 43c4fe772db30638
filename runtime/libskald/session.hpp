// SPDX-License-Identifier: MIT
// One sequence on a model: its KV cache and position. Generates text, or scores one; results depend
// on the tokens and the sampling alone, never on chunks, budgets or timing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "libskald/job_runner.hpp"
#include "libskald/model.hpp"
#include "libskald/queue.hpp"
#include "libskald/sampling.hpp"
#include "libskald/session_memory.hpp"
#include "tokenizer/spec.hpp"

namespace skald::rt {

struct SessionOptions {
    std::uint32_t positions = 0;       // room of the sequence; 0: the model's context
    std::uint32_t chunk = 0;           // rows of a prefill step; 0: as many as the program takes
    std::uint64_t time_budget_ns = 0;  // of a job; 0: the driver's default
    std::uint32_t dump_rows = 0;       // logits rows held at a time; needed for on_logits
    bool profile = false;
};

struct Token {
    TokenId id = 0;
    std::uint32_t position = 0;
    bool stop = false;  // one of the request's stop ids
};

// What the receiver of tokens makes of them: how many it takes, from the first, and if it wants
// more after those. Tokens come in batches, so its end may lie inside one.
struct Taken {
    std::size_t count = 0;
    bool more = true;
};

// Logits rows [n][vocabulary], in order; valid during the call.
using OnLogits = std::function<void(std::span<const float>)>;

struct GenerateRequest {
    std::span<const TokenId> prompt;
    Sampling sampling;
    std::uint32_t max_tokens = 0;
    std::span<const std::uint32_t> stop_ids;                 // at most isa::kMaxStop
    int cancel_fd = -1;                                      // readable: stop at the next token
    std::function<Taken(std::span<const Token>)> on_tokens;  // empty: takes all
    OnLogits on_logits;  // of the rows tokens are chosen from; may be empty
};

enum class StopReason { kStopToken, kLength, kContext, kCaller, kCancelled };

// Times are CLOCK_MONOTONIC nanoseconds as this process saw them.
struct GenerateResult {
    StopReason reason = StopReason::kLength;
    std::uint32_t prompt_tokens = 0;
    std::uint32_t tokens = 0;  // taken
    std::int64_t start_ns = 0;
    std::int64_t first_ns = 0;       // first token; 0 if there is none
    std::uint32_t first_tokens = 0;  // that were there at first_ns: tokens come in batches
    std::int64_t last_ns = 0;
};

class Session {
  public:
    Session(Model& model, const SessionOptions& options);

    [[nodiscard]] std::uint32_t capacity() const { return positions_; }
    [[nodiscard]] std::uint32_t chunk() const { return chunk_; }
    // Positions whose keys and values are kept; the last token generated is not among them yet.
    [[nodiscard]] std::uint32_t position() const { return position_; }
    // Forgets everything from this position on.
    void rollback(std::uint32_t position);

    // The prompt continues what is there. Throws Error (EMSGSIZE when it does not fit).
    GenerateResult generate(const GenerateRequest& request);

    // Log-probability of each token after the first, given those before it. Starts from position 0
    // and leaves the session empty. Nothing if it was cancelled.
    [[nodiscard]] std::optional<std::vector<float>> score(std::span<const TokenId> tokens,
                                                          int cancel_fd = -1,
                                                          const OnLogits& on_logits = {});

    // Sums over all jobs of this session so far.
    [[nodiscard]] drm_skald_queue_query stats() { return queue_.stats(); }
    // Per micro-op of the program, if options.profile.
    [[nodiscard]] std::span<const skald_profile> profile() const { return memory_.profile.items; }

  private:
    void check_request(const GenerateRequest& request) const;
    void reset_arguments(std::uint64_t mode);
    void start_sequence(const GenerateRequest& request);
    // One part of a generation: at most as many tokens as the dump holds rows.
    JobRunner::End generate_part(const GenerateRequest& request, std::uint32_t wanted,
                                 GenerateResult& result);
    JobRunner::Next deliver(const GenerateRequest& request, std::uint64_t first,
                            std::uint64_t count, std::int64_t at_ns, GenerateResult& result);
    [[nodiscard]] drm_skald_job job() const;
    void keep(std::uint32_t position, std::optional<TokenId> last);
    JobRunner::End run(int cancel_fd, const JobRunner::OnTokens& on_tokens);

    Model& model_;
    std::uint32_t positions_;
    std::uint32_t chunk_;
    SessionOptions options_;
    SessionMemory memory_;
    Queue queue_;  // after the memory its jobs use
    std::uint32_t position_ = 0;
    std::optional<TokenId> pending_;  // generated last, not fed back yet
    bool broken_ = false;             // a cancelled job may still run
};

}  // namespace skald::rt
