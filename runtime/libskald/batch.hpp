// SPDX-License-Identifier: MIT
// Sequences on a model that decode together, a row each in every step, so that weights are read
// once for all. What a sequence says depends on its own tokens and sampling alone: not on the
// others, on chunks, budgets or timing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "libskald/decoder.hpp"
#include "libskald/request.hpp"

namespace skald::rt {

// Where a sequence is.
struct SequenceState {
    std::uint32_t position = 0;      // positions whose keys and values are kept
    std::optional<TokenId> pending;  // generated last, not fed back yet
};

class Batch {
  public:
    // Throws Error: EINVAL for options that cannot be, ENOSPC where the card has too little memory.
    Batch(Model& model, const BatchOptions& options);

    [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(states_.size()); }
    [[nodiscard]] std::uint32_t capacity(std::uint32_t sequence) const {
        return decoder_.positions()[sequence];
    }
    [[nodiscard]] std::uint32_t chunk() const { return decoder_.chunk(); }
    // Positions whose keys and values are kept; the last token generated is not among them yet.
    [[nodiscard]] std::uint32_t position(std::uint32_t sequence) const {
        return states_[sequence].position;
    }
    // Forgets everything from this position on. A request without a prompt then chooses the token
    // of this position anew. Throws Error (EINVAL) for a position that the sequence has not.
    void rollback(std::uint32_t sequence, std::uint32_t position);

    // Request i continues sequence i; one that wants no tokens (max_tokens 0) is left out, and so
    // are sequences without a request. Returns when all have ended, one result for each request.
    // cancel_fd: when it becomes readable, or has lost its writer, all end at the next token; -1
    // for none. Throws Error: EMSGSIZE when a prompt does not fit, EINVAL for what cannot be.
    std::vector<GenerateResult> generate(std::span<const SequenceRequest> requests,
                                         int cancel_fd = -1);

    // Appends tokens to the sequences and generates nothing; prompt i may be empty. False if it
    // was cancelled: then nothing was appended.
    bool prefill(std::span<const std::span<const TokenId>> prompts, int cancel_fd = -1);

    // The keys and values of the first `positions` positions, as restore() takes them: whole blocks
    // in the model's format. Throws Error (EINVAL) where the sequence has fewer.
    [[nodiscard]] std::vector<std::byte> save(std::uint32_t sequence, std::uint32_t positions);
    // The sequence is where it was when these were saved: behind `tokens`, or their first ones if
    // more were saved. Throws Error (EINVAL, EMSGSIZE) if they do not fit.
    void restore(std::uint32_t sequence, std::span<const TokenId> tokens,
                 std::span<const std::byte> kv);

    // Sums over all jobs of this batch so far.
    [[nodiscard]] drm_skald_queue_query stats() { return decoder_.stats(); }
    // Per micro-op of the program, if options.profile.
    [[nodiscard]] std::span<const skald_profile> profile() const { return decoder_.profile(); }
    // The same of the modelled chip; empty where the card models none.
    [[nodiscard]] std::span<const skald_profile_model> profile_model() const {
        return decoder_.profile_model();
    }

    // For what else can be done with the program and these sequences.
    [[nodiscard]] Decoder& decoder() { return decoder_; }

  private:
    Decoder decoder_;
    std::vector<SequenceState> states_;
};

}  // namespace skald::rt
