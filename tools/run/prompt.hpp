// SPDX-License-Identifier: MIT
// Where the text to work on comes from.
#pragma once

#include <string>
#include <vector>

#include "run/options.hpp"
#include "tokenizer/spec.hpp"

namespace skald::run {

// What a model is to continue.
struct Prompt {
    std::string text;
    std::vector<rt::TokenId> ids;
};

// Throws rt::Error, UsageError when there is no source at all.
[[nodiscard]] std::string read_prompt(const Options& options);
// A whole file, "-" for standard input, without one newline at its end, and without the carriage
// returns of lines that end in both.
[[nodiscard]] std::string read_text(const std::string& path);
// The lines of one; none if it is empty.
[[nodiscard]] std::vector<std::string> read_lines(const std::string& path);

}  // namespace skald::run
