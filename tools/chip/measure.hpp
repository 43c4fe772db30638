// SPDX-License-Identifier: MIT
// A request on a group of chips, as tables, fits and searches want it: the first token, and what a
// token takes in the middle of those that follow, which is what they take on average, since the
// time of a step grows with the position evenly.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "chip/group.hpp"
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
    std::optional<std::uint32_t> batch = 1;  // none: what memory holds
    std::uint32_t prompt = 0, generated = 0;
};

struct Measured {
    std::uint32_t batch = 0;
    double first_s = 0;                      // from the prompts of all to the first token of all
    double token_s = 0;                      // of a step
    std::optional<double> first_j, token_j;  // of all chips; token_j of a token of one sequence
    std::optional<double> mean_w;            // while tokens follow, of one chip
    std::array<double, local::ModelLog::kBounds> share{};  // of token_s, by what decided
    std::string boundary;                                  // what the power is of

    [[nodiscard]] double user_rate() const { return 1 / token_s; }
    [[nodiscard]] double total_rate() const { return batch / token_s; }
    // Requests of `generated` tokens, one batch after the other.
    [[nodiscard]] double throughput(std::uint32_t generated) const {
        return batch * static_cast<double>(generated) / (first_s + token_s * (generated - 1));
    }
    [[nodiscard]] double request_s(std::uint32_t generated) const {
        return first_s + token_s * (generated - 1);
    }
    // The same, by energy: of each token, its share of the prompts counted.
    [[nodiscard]] std::optional<double> throughput_j(std::uint32_t generated) const;
    [[nodiscard]] std::size_t bound() const;  // of the largest share
};

// A group of chips of which programs by rank would be needed.
class NeedsSplit : public std::runtime_error {
  public:
    explicit NeedsSplit(const Group& group);
};

// Throws NeedsSplit, rt::Error, compiler::CompileError.
[[nodiscard]] Measured measure(const Task& task);

}  // namespace skald::chip
