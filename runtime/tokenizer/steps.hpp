// SPDX-License-Identifier: MIT
// The normalise and pre-tokenise steps of a tokenizer, with their expressions compiled.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/char_map.hpp"
#include "tokenizer/regex.hpp"
#include "tokenizer/spec.hpp"

namespace skald::rt {

// Text to text.
class Normalizer {
  public:
    explicit Normalizer(const std::vector<TokenizerSpec::Step>& steps);

    // `first`: the text stands at the very beginning of what is being encoded.
    std::string apply(std::string text, bool first = true) const;

  private:
    struct Step {
        TokenizerSpec::Step spec;
        std::optional<Regex> regex;
        std::optional<CharMap> map;
    };
    std::vector<Step> steps_;
};

// Text to words. Each step refines the words of the one before.
class PreTokenizer {
  public:
    explicit PreTokenizer(const std::vector<TokenizerSpec::Step>& steps);

    // `first`: the text stands at the very beginning of what is being encoded.
    std::vector<std::string> apply(std::string text, bool first) const;

  private:
    struct Step {
        TokenizerSpec::Step spec;
        std::optional<Regex> regex;
    };
    std::vector<Step> steps_;
};

// Every occurrence of `pattern` (not empty) becomes `with`.
std::string replace_all(std::string_view text, std::string_view pattern, std::string_view with);

}  // namespace skald::rt
