// SPDX-License-Identifier: MIT
// The tests that a command line asks for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/options.hpp"
#include "skald/container.hpp"

namespace skald::bench {

// One test. At least one of prompt and answer is not 0.
struct Case {
    std::uint32_t prompt = 0;    // tokens read, of each sequence
    std::uint32_t answer = 0;    // steps that write one token each, of each sequence
    std::uint32_t depth = 0;     // tokens that are there before
    std::uint32_t parallel = 1;  // sequences

    // Tokens the model is given in a repetition: the prompt, or where there is none the one that
    // an answer begins with.
    [[nodiscard]] std::uint32_t given() const { return prompt != 0 ? prompt : 1; }
    // Tokens it chooses: reading a prompt chooses one as well.
    [[nodiscard]] std::uint32_t chosen() const { return answer + (prompt != 0 ? 1 : 0); }
    // Positions a sequence needs.
    [[nodiscard]] std::uint64_t positions() const {
        return std::uint64_t{depth} + given() + chosen();
    }
    // Tokens of all sequences, as rates count them.
    [[nodiscard]] std::uint64_t tokens() const {
        return (std::uint64_t{prompt} + answer) * parallel;
    }
    // "pp512", "tg128 @ d4096", "pp512+tg128 x8"
    [[nodiscard]] std::string name() const;
};

// In the order of llama-bench: for each depth and batch the prompts, the answers, then both.
[[nodiscard]] std::vector<Case> cases_of(const Options& options);

// Options for one model: the prompt that nobody asked for is no longer than it has room for.
[[nodiscard]] Options fitted_to(const container::ModelInfo& info, Options options);

// Throws UsageError if this model cannot do the test.
void check_fits(const Case& test, const Options& options, const container::ModelInfo& info,
                const std::string& model);

}  // namespace skald::bench
