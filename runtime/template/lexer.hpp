// SPDX-License-Identifier: MIT
// Text of a template to tokens, with trim_blocks and lstrip_blocks on, as chat templates are
// written for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace skald::rt::jinja {

enum class TokenKind : std::uint8_t {
    kData,  // what stands outside of tags
    kVariableBegin,
    kVariableEnd,
    kBlockBegin,
    kBlockEnd,
    kName,
    kString,
    kInteger,
    kFloat,
    kOperator,
    kEnd,
};

struct Token {
    TokenKind kind;
    std::string text;  // of strings: without quotes, escapes resolved
    std::uint32_t line;

    [[nodiscard]] bool is(TokenKind k, std::string_view t) const { return kind == k && text == t; }
    [[nodiscard]] bool is_name(std::string_view t) const { return is(TokenKind::kName, t); }
    [[nodiscard]] bool is_operator(std::string_view t) const { return is(TokenKind::kOperator, t); }
};

// Ends with kEnd. Throws Failure with a line. source: valid UTF-8.
[[nodiscard]] std::vector<Token> tokenize(std::string_view source);

}  // namespace skald::rt::jinja
