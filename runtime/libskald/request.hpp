// SPDX-License-Identifier: MIT
// What is asked of a sequence, and what came of it: shared by Session and Batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "libskald/sampling.hpp"
#include "tokenizer/spec.hpp"

namespace skald::rt {

struct Token {
    TokenId id = 0;
    std::uint32_t position = 0;
    bool stop = false;  // one of the request's stop ids
};

// What the receiver of tokens makes of them: how many it takes, from the first, and if it wants
// more after those. Several tokens come at a time, so its end may lie among them.
struct Taken {
    std::size_t count = 0;
    bool more = true;
};

// Logits rows [n][vocabulary], in order; valid during the call.
using OnLogits = std::function<void(std::span<const float>)>;

enum class StopReason { kStopToken, kLength, kContext, kCaller, kCancelled };

// Times are CLOCK_MONOTONIC nanoseconds as this process saw them.
struct GenerateResult {
    StopReason reason = StopReason::kLength;
    std::uint32_t prompt_tokens = 0;
    std::uint32_t tokens = 0;  // taken
    std::int64_t start_ns = 0;
    std::int64_t first_ns = 0;       // first token; 0 if there is none
    std::uint32_t first_tokens = 0;  // that were there at first_ns: several come at a time
    std::int64_t last_ns = 0;
};

// Continues one sequence: what it has so far, the token it generated last, then the prompt. An
// empty prompt is possible where the sequence has something to continue.
struct SequenceRequest {
    std::span<const TokenId> prompt;
    Sampling sampling;
    std::uint32_t max_tokens = 0;
    std::span<const std::uint32_t> stop_ids;                 // at most isa::kMaxStop
    std::function<Taken(std::span<const Token>)> on_tokens;  // empty: takes all
    OnLogits on_logits;  // of the rows tokens are chosen from; may be empty
    // Called once, when the sequence has ended, though others may go on; not if it wants no tokens.
    std::function<void(const GenerateResult&)> on_end;
};

}  // namespace skald::rt
