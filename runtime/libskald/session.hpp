// SPDX-License-Identifier: MIT
// One sequence on a model: its KV cache and position. Generates text, or scores one; results depend
// on the tokens and the sampling alone, never on chunks, budgets or timing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "libskald/batch.hpp"
#include "libskald/model.hpp"
#include "libskald/request.hpp"

namespace skald::rt {

struct SessionOptions {
    std::uint32_t positions = 0;       // room of the sequence; 0: the model's context
    std::uint32_t chunk = 0;           // rows of a prefill step; 0: as many as the program takes
    std::uint64_t time_budget_ns = 0;  // of a job; 0: the driver's default
    std::uint32_t dump_rows = 0;       // logits rows held at a time; needed for on_logits
    bool profile = false;
};

struct GenerateRequest : SequenceRequest {
    int cancel_fd = -1;  // readable, or without a writer: stop at the next token
};

struct Score {
    std::vector<float> log_probs;  // of the tokens after the first; fewer after a cancel
    bool cancelled = false;
};

class Session {
  public:
    Session(Model& model, const SessionOptions& options);

    [[nodiscard]] std::uint32_t capacity() const { return batch_.capacity(0); }
    [[nodiscard]] std::uint32_t chunk() const { return batch_.chunk(); }
    // Positions whose keys and values are kept; the last token generated is not among them yet.
    [[nodiscard]] std::uint32_t position() const { return batch_.position(0); }
    // Forgets everything from this position on. A request without a prompt then chooses the token
    // of this position anew. Throws Error (EINVAL) for a position that the session has not.
    void rollback(std::uint32_t position) { batch_.rollback(0, position); }

    // The prompt continues what is there. Throws Error (EMSGSIZE when it does not fit).
    GenerateResult generate(const GenerateRequest& request);

    // Appends tokens and generates nothing. False if it was cancelled: then nothing was appended.
    bool prefill(std::span<const TokenId> tokens, int cancel_fd = -1);

    // Keys and values of the first positions, and back: Batch::save and Batch::restore.
    [[nodiscard]] std::vector<std::byte> save(std::uint32_t positions) {
        return batch_.save(0, positions);
    }
    void restore(std::span<const TokenId> tokens, std::span<const std::byte> kv) {
        batch_.restore(0, tokens, kv);
    }

    // Log-probability of each token after the first, given those before it. Starts from position 0
    // and leaves the session empty.
    [[nodiscard]] Score score(std::span<const TokenId> tokens, int cancel_fd = -1,
                              const OnLogits& on_logits = {});

    // Sums over all jobs of this session so far.
    [[nodiscard]] drm_skald_queue_query stats() { return batch_.stats(); }
    // Per micro-op of the program, if options.profile.
    [[nodiscard]] std::span<const skald_profile> profile() const { return batch_.profile(); }
    // The same of the modelled chip; empty where the card models none.
    [[nodiscard]] std::span<const skald_profile_model> profile_model() const {
        return batch_.profile_model();
    }

  private:
    Batch batch_;
};

}  // namespace skald::rt
