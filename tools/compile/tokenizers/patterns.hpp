// SPDX-License-Identifier: MIT
// Regular expressions by which families of models cut text into words. They are part of the models'
// formats: a different expression gives different ids.
#pragma once

#include <string_view>

namespace skald::compiler::patterns {

// GPT-2 and everything that says "ByteLevel" without an expression of its own.
inline constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// Llama 3.
inline constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// Mistral's "tekken": words begin at a change from lower to upper case.
inline constexpr std::string_view kTekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

inline constexpr std::string_view kDigit = R"(\p{N})";
inline constexpr std::string_view kDigits = R"(\p{N}+)";

// GGUF files without a pre-tokeniser of their own ("default"): four cuts in turn.
inline constexpr std::string_view kPunctuation = R"([\p{P}\$\+<=>\^~\|]+)";
inline constexpr std::string_view kThreeDigits = R"([0-9][0-9][0-9])";

}  // namespace skald::compiler::patterns
