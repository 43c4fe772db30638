// SPDX-License-Identifier: MIT
// Regular expressions by which families of models cut text into words, in the dialect of
// runtime/tokenizer. They are part of the models' formats: a different expression gives different
// ids.
#pragma once

#include <string_view>

namespace skald::compiler::patterns {

// GPT-2 and everything that says "ByteLevel" without an expression of its own.
inline constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

inline constexpr std::string_view kDigit = R"(\p{N})";
inline constexpr std::string_view kDigits = R"(\p{N}+)";

// Whitespace; \w as Rust's regular expressions have it, with the two joiners.
inline constexpr std::string_view kWordsOrOthers =
    R"([\w\x{200C}\x{200D}]+|[^\w\s\x{200C}\x{200D}]+)";
inline constexpr std::string_view kSpace = R"(\s)";
inline constexpr std::string_view kSpaces = R"(\s+)";
inline constexpr std::string_view kOnePunctuation = R"([\p{P}$+<=>\^`|~])";

// Nmt: what is dropped, and what becomes a space.
inline constexpr std::string_view kNmtDropped =
    R"([\x{01}-\x{08}\x{0B}\x{0E}-\x{1F}\x{7F}\x{8F}\x{9F}])";
inline constexpr std::string_view kNmtSpaces =
    R"([\x{09}\x{0A}\x{0C}\x{0D}\x{1680}\x{200B}-\x{200F}\x{2028}\x{2029}\x{2581}\x{FEFF}\x{FFFD}])";

// BertNormalizer: characters that are cleaned away (of formats those of the reference's tables),
// and a place before or behind an ideograph.
inline constexpr std::string_view kBertControl =
    R"([\x{0}\x{FFFD}[[\p{Cc}\p{Cf}\p{Co}]&&[^\t\n\r\x{890}\x{891}\x{8E2}\x{110CD}\x{13430}-\x{1343F}]]])";
#define SKALD_BERT_HAN                                                                      \
    R"([\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2B73F}\x{2B740})" \
    R"(-\x{2B81F}\x{2B920}-\x{2CEAF}\x{F900}-\x{FAFF}\x{2F800}-\x{2FA1F}])"
inline constexpr std::string_view kBeforeBertHan = "(?=" SKALD_BERT_HAN ")";
inline constexpr std::string_view kBehindBertHan = "(?<=" SKALD_BERT_HAN ")";
#undef SKALD_BERT_HAN

}  // namespace skald::compiler::patterns
