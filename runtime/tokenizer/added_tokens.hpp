// SPDX-License-Identifier: MIT
// Cuts added tokens (<s>, <|eot_id|> ...) out of a text before it is normalised and tokenised; the
// longest match at the leftmost place wins, of equal texts a special token, then the first. White
// space that a token takes along may itself hold tokens: the search goes on behind the match alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/spec.hpp"

namespace skald::rt {

class AddedTokens {
  public:
    struct Part {
        std::string_view text;  // empty for a token
        TokenId id;             // kNoToken for text
    };
    struct Token {
        std::string text;
        TokenId id;
        std::uint32_t flags;  // tokenizer::AddedFlag
    };

    explicit AddedTokens(std::vector<Token> tokens);

    // Parts in order; text parts are never empty. Without `special`, what matches a token flagged
    // kSpecial is text, in which no shorter token is looked for.
    std::vector<Part> split(std::string_view text, bool special) const;

  private:
    const Token* match(std::string_view text) const;

    std::vector<Token> tokens_;                       // longest first
    std::vector<std::vector<std::size_t>> by_first_;  // indices by first byte, longest first
};

}  // namespace skald::rt
