// SPDX-License-Identifier: MIT
// Requests of a model on a chip: a short one for the first token, a long one for all that follow.
#pragma once

#include <algorithm>
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
    std::string widths;  // as declared
    std::uint32_t prompt = 0, generated = 0, batch = 0, chunk = 0;
    bool with_data = false;
    Group group;
    std::uint32_t batches = 1;  // that can be in flight: each stage works on another one
    double stage_s = 0;  // that the stage works for a token which works longest; 0: there is one
    std::uint64_t weight_bytes = 0;  // as the chips have them, all together
    double static_w = 0;             // likewise
    local::ModelLog::Sums first;     // of the request for one token
    local::ModelLog::Sums whole;     // of the longer one
    local::ModelLog::Sums rest;      // of what that takes more; of all of it if there is no more
    double first_static_j = 0, whole_static_j = 0;
    std::vector<std::string> unknown_energy;  // keys without which joules mean nothing
    std::string boundary;                     // what the power is of
    std::vector<local::ModelSlice> slices;    // of the longer one, if they were asked for

    [[nodiscard]] double first_token_s() const;
    [[nodiscard]] double token_s() const;    // of each after the first; 0 if there are none
    [[nodiscard]] double user_rate() const;  // tokens/s of a sequence; 0 likewise
    [[nodiscard]] std::uint32_t chips() const { return group.chips(); }
    // Tokens/s of all sequences while as many batches are in flight as can be.
    [[nodiscard]] double full_rate() const {
        const double each = user_rate() * batch;
        return stage_s > 0 ? std::min(each * batches, batch / stage_s) : each;
    }
    [[nodiscard]] std::optional<double> first_token_j() const;
    [[nodiscard]] std::optional<double> token_j() const;  // of each token of each sequence
    [[nodiscard]] std::optional<double> mean_w() const;   // while tokens follow
    // Of each token while as many batches are in flight as can be.
    [[nodiscard]] std::optional<double> full_token_j() const;
    // What decided about the time of the tokens after the first, or of that one if it is alone.
    [[nodiscard]] double share(std::size_t bound) const;
};

// Throws rt::Error, rt::ContainerError, compiler::CompileError: the chip cannot be run, the model
// does not fit on it, or cannot be read.
[[nodiscard]] Outcome run(const RunOptions& options, bool keep_slices = false);

}  // namespace skald::chip
