// SPDX-License-Identifier: MIT
// One request of a batch from its prompts to its last token: rounds of decoding with the sequences
// that still want tokens, and tokens to whom they belong.
//
// Nothing of a sequence is changed while a job runs. A row whose sequence has ended, for the card
// or for the caller, is computed along until there are enough of them to be worth a pause; the next
// round goes on without.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "libskald/batch.hpp"
#include "libskald/step_plan.hpp"

namespace skald::rt {

// A sequence of the request.
class Lane {
  public:
    // after: where the sequence is behind its prompt. All references outlive the lane.
    Lane(std::uint32_t sequence, const SequenceRequest& request, SequenceState& state,
         SequenceState after, std::uint32_t capacity, GenerateResult& result);

    [[nodiscard]] std::uint32_t sequence() const { return sequence_; }
    [[nodiscard]] const SequenceRequest& request() const { return request_; }
    [[nodiscard]] const SequenceState& state() const { return state_; }
    [[nodiscard]] bool live() const { return live_; }  // wants more tokens
    // Positions that the sequence may have in the end.
    [[nodiscard]] std::uint32_t reach() const {
        return after_.position + std::min(request_.max_tokens, room_);
    }
    // In this round the row is of use: it will put out tokens that are wanted.
    [[nodiscard]] bool useful() const { return live_ && !ended_; }
    [[nodiscard]] bool ended() const { return ended_; }  // the card stopped it in this round

    void start();  // the sequence is behind its prompt from here on
    // Its entry of the sequence table for a round of at most so many steps.
    [[nodiscard]] isa::Sequence begin_round(std::uint32_t steps);
    void collect(const skald_token& entry);
    // Hands out what was collected.
    void deliver(std::int64_t at_ns);
    [[nodiscard]] std::uint32_t tokens_of_round() const { return result_.tokens - earlier_; }
    void cancel();

  private:
    [[nodiscard]] std::uint32_t wanted() const;
    void end();

    std::uint32_t sequence_;
    const SequenceRequest& request_;
    SequenceState& state_;
    SequenceState after_, before_prompt_;
    GenerateResult& result_;
    std::uint32_t room_;  // tokens that fit
    bool live_ = true;
    bool ended_ = false;
    bool begun_ = false;         // its prompt is done: there was a token
    std::uint32_t earlier_ = 0;  // result_.tokens when the round began
    std::vector<Token> fresh_;
};

class Decoding {
  public:
    // A lane for each run of tokens.
    Decoding(Decoder& decoder, std::span<Lane> lanes);

    void run(std::span<const Run> runs, int cancel_fd);

  private:
    void begin_round(std::vector<Lane*> lanes);
    void fill_decode_tables();
    [[nodiscard]] JobRunner::Next take(std::uint64_t count, std::int64_t at_ns);
    [[nodiscard]] JobRunner::Next verdict() const;
    void deliver_logits() const;
    [[nodiscard]] std::vector<Lane*> live_lanes();

    Decoder& decoder_;
    DecoderMemory& memory_;
    std::span<Lane> lanes_;
    std::vector<Lane*> of_sequence_;
    bool dump_;
    std::vector<Lane*> rows_;  // of this round, in the order of the decode table
    std::uint64_t taken_ = 0;  // entries of the token ring, in this round
};

}  // namespace skald::rt
