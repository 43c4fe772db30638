// SPDX-License-Identifier: MIT
// One test on a model in card memory: filled to its depth once, then repeated from there.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "bench/cases.hpp"
#include "bench/modelled.hpp"
#include "libskald/batch.hpp"
#include "libskald/model.hpp"
#include "tokenizer/spec.hpp"

namespace skald::bench {

// The same tokens in every run of the program, others in every repetition.
class RandomTokens {
  public:
    explicit RandomTokens(const container::ModelInfo& info);
    // from_the_start: with the model's first token, where it has one.
    [[nodiscard]] std::vector<rt::TokenId> next(std::size_t count, bool from_the_start);

  private:
    rt::TokenId bos_;
    std::mt19937 random_;
    std::uniform_int_distribution<rt::TokenId> any_;
};

[[nodiscard]] bool models_a_chip(const rt::Device& device);

class Runner {
  public:
    // Reads `test.depth` tokens. chunk: as Options has it. The model outlives the runner. Throws
    // rt::Error, as repeat() does. profile: modelled() tells of micro-ops, which costs time.
    // priority: DRM_SKALD_PRIORITY_*, of all its jobs.
    Runner(rt::Model& model, const Case& test, std::uint32_t chunk, bool profile = false,
           std::uint32_t priority = DRM_SKALD_PRIORITY_NORMAL);

    // Nanoseconds from the request to the last token of a repetition.
    [[nodiscard]] std::int64_t repeat();
    // Rows of a prefill step.
    [[nodiscard]] std::uint32_t chunk() const { return batch_.chunk(); }
    // What the modelled chip took for a repetition, on average of those so far; micro-ops are of
    // all of them. None: the card models no chip.
    [[nodiscard]] std::optional<Modelled> modelled();

  private:
    using Prompts = std::vector<std::vector<rt::TokenId>>;

    // One for each sequence.
    [[nodiscard]] Prompts make_prompts(std::uint32_t count);

    Case test_;
    RandomTokens tokens_;
    rt::Model& model_;
    rt::Batch batch_;
    // What was there before the first repetition.
    drm_skald_queue_query filled_{};
    std::vector<ModelledOp> filled_ops_;
    std::uint32_t repetitions_ = 0;
};

}  // namespace skald::bench
