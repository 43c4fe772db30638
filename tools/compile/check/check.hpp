// SPDX-License-Identifier: MIT
// A compiled model beside what its graph means: the program, on a card in this process, reads a
// text, and so does the interpreter, once with the weights of the source and once with those that
// are stored. What differs from the first alone is the price of a weight format; what differs from
// both is activations in eight bits, a cache in sixteen - or a bug.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "check/difference.hpp"
#include "compile.hpp"
#include "interpret/interpreter.hpp"

namespace skald::compiler::checking {

// Tokens of a text that are read: the rest of a longer one is not looked at.
inline constexpr std::size_t kMostTokens = 512;

// The program against the interpreter.
struct Comparison {
    std::vector<Difference> layers;  // of what is carried on: by the embedding, by each layer
    Difference logits;
    double nll = 0;                          // of the interpreter, per token
    std::size_t other_best = 0;              // tokens after which the best one is another
    std::optional<std::size_t> first_other;  // the first of those

    bool finite() const;
};

struct Report {
    std::size_t tokens = 0;
    bool whole_text = true;  // else the rest did not fit kMostTokens, or the context
    double nll = 0;          // of the program, per token
    Comparison source, stored;

    bool finite() const;
};

struct Options {
    unsigned threads = 1;
    const Calibration* calibration = nullptr;  // that the weights were stored with
    std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

// `compiled`: what `plan` has been written as. Throws CompileError, and what the runtime throws.
Report check(const Model& model, const Plan& plan, const std::filesystem::path& compiled,
             std::string_view text, const Options& options);

}  // namespace skald::compiler::checking
