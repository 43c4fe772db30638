// SPDX-License-Identifier: MIT
// A request on a group of chips, as tables, fits and searches want it: the first token, and what a
// token takes in the middle of those that follow, which is what they take on average, since the
// time of a step grows with the position evenly.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chip/group.hpp"
#include "chip/software.hpp"
#include "local/chip_change.hpp"
#include "local/model_log.hpp"

namespace skald::chip {

struct Task {
    std::string chip;
    local::ChipChanges changes;
    Group group;
    std::string model;  // as llm-chip run --shape takes it
    std::string weights = "int8";
    std::string widths;
    std::optional<std::uint32_t> batch = 1;  // none: what memory holds, of each batch in flight
    bool queued = false;                     // of a batch, what memory has no room for waits
    bool cache_by_query = false;             // each query head reads keys and values for itself
    std::uint32_t more_kernels = 0;          // of a layer, than the program has
    Software software;                       // that it is asked through
    std::uint32_t step = 0;                  // rows of a step of prompts; 0: as llm-compile chooses
    std::uint32_t prompt = 0, generated = 0;
};

struct Measured {
    std::uint32_t batch = 0;
    std::uint32_t batches = 1;  // in flight, where that is not one
    double first_s = 0;         // from the prompts of all to the first token of all
    double token_s = 0;         // of a step
    // The same of the stage alone that works longest: of one stage they are the same.
    double stage_first_s = 0, stage_token_s = 0;
    std::optional<double> first_j, token_j;  // of all chips; token_j of a token of one sequence
    std::optional<double> mean_w;            // while tokens follow, of one chip
    double static_w = 0;                     // of all chips, part of the joules
    std::uint32_t chips = 1;
    std::array<double, local::ModelLog::kBounds> share{};  // of token_s, by what decided
    std::string boundary;                                  // what the power is of

    // What a token, or a prompt, takes more, of a stage and of all of them: waiting, in which
    // nothing but static power is drawn. `bound` says for what a token waits, an index of `share`.
    void delay_token(double stage_s, double all_s, std::size_t bound);
    void delay_first(double stage_s, double all_s);

    [[nodiscard]] double user_rate() const { return 1 / token_s; }
    [[nodiscard]] double total_rate() const { return batch / token_s; }
    // From a step of one batch to that of the next.
    [[nodiscard]] double interval_s() const { return std::max(stage_token_s, token_s / batches); }
    [[nodiscard]] double request_s(std::uint32_t generated) const {
        return first_s + token_s * (generated - 1);
    }
    // Requests of `generated` tokens, one batch after the other; each stage works on another one.
    [[nodiscard]] double throughput(std::uint32_t generated) const {
        const double stage_s = stage_first_s + stage_token_s * (generated - 1);
        return batch * static_cast<double>(generated) /
               std::max(stage_s, request_s(generated) / batches);
    }
    // The same, by energy: of each token, its share of the prompts counted.
    [[nodiscard]] std::optional<double> throughput_j(std::uint32_t generated) const;
    [[nodiscard]] std::size_t bound() const;  // of the largest share
};

// Throws rt::Error, compiler::CompileError.
[[nodiscard]] Measured measure(const Task& task);

}  // namespace skald::chip
