// SPDX-License-Identifier: MIT
// All cards of a split model in this process: each with firmware, runtime and a thread of its own,
// linked to the others.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "libskald/sampling.hpp"
#include "local/model_log.hpp"
#include "tokenizer/spec.hpp"

namespace skald::test {

struct Prompt {
    std::vector<rt::TokenId> tokens;
    rt::Sampling sampling;
};

// What was said after each prompt, and the bits of the logits that each token was chosen from.
struct Spoken {
    std::vector<std::vector<rt::TokenId>> tokens;
    std::vector<std::vector<std::uint32_t>> logits;
    local::ModelLog::Sums modelled;  // of the chip that this card models
};

struct RunOptions {
    std::uint32_t max_tokens = 10;
    std::uint32_t chunk = 16;          // rows of a prefill step
    std::uint64_t time_budget_ns = 0;  // of a job
    bool timing_only = false;
};

// By rank. One file is a model by itself; a rank without a file is not there, as where only times
// are wanted all but the first of a stage need not be. Throws what the first rank that failed
// threw.
std::vector<Spoken> speak(const std::vector<std::filesystem::path>& files,
                          const std::vector<Prompt>& prompts, const RunOptions& options = {});

}  // namespace skald::test
