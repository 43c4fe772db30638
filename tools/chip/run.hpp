// SPDX-License-Identifier: MIT
// Requests of a model on a chip: a short one for the first token, a long one for all that follow.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chip/options.hpp"
#include "local/model_log.hpp"

namespace skald::chip {

struct Outcome {
    std::string chip;
    std::string model;
    std::uint32_t prompt = 0, generated = 0, batch = 0, chunk = 0;
    bool with_data = false;
    std::uint32_t tensor = 1, pipeline = 1;  // chips of a stage, and stages
    double stage_s = 0;           // that the busiest stage works for a token; 0: there is one stage
    local::ModelLog::Sums first;  // of the request for one token
    local::ModelLog::Sums whole;  // of the longer one
    double first_static_j = 0, whole_static_j = 0;
    std::vector<std::string> unknown_energy;  // keys without which joules mean nothing
    std::string boundary;                     // what the power is of

    [[nodiscard]] double first_token_s() const;
    [[nodiscard]] double token_s() const;    // of each after the first; 0 if there are none
    [[nodiscard]] double user_rate() const;  // tokens/s of a sequence; 0 likewise
    [[nodiscard]] std::uint32_t chips() const { return tensor * pipeline; }
    // Tokens/s of all sequences where each stage has a batch of its own: as many as there are
    // stages are in flight.
    [[nodiscard]] double full_rate() const {
        return stage_s > 0 ? batch / stage_s : user_rate() * batch;
    }
    [[nodiscard]] std::optional<double> first_token_j() const;
    [[nodiscard]] std::optional<double> token_j() const;  // of each token of each sequence
    [[nodiscard]] std::optional<double> mean_w() const;   // while tokens follow
};

// Throws rt::Error: the chip cannot be run, the model does not fit on it, or cannot be read.
[[nodiscard]] Outcome run(const Options& options);

}  // namespace skald::chip
