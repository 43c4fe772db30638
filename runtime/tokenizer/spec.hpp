// SPDX-License-Identifier: MIT
// A tokenizer as plain data: what a front end of the compiler fills in and what the runtime
// executes. The bytes it becomes are defined in uapi/skald/tokenizer.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "skald/tokenizer.hpp"

namespace skald::rt {

using TokenId = std::uint32_t;

// Everything this library reports: a broken section, a regular expression that does not compile, an
// id out of range.
class TokenizerError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

struct TokenizerSpec {
    struct Piece {
        std::string text;
        tokenizer::PieceKind kind = tokenizer::PieceKind::kNormal;
        float score = 0;
    };
    struct Step {
        tokenizer::StepKind kind;
        std::uint32_t flags = 0;
        std::string a, b;
    };

    tokenizer::Algorithm algorithm = tokenizer::Algorithm::kMergeRanks;
    std::uint32_t flags = 0;  // tokenizer::HeaderFlag
    std::vector<Piece> pieces;
    std::vector<tokenizer::Merge> merges;
    std::vector<tokenizer::Added> added;
    std::vector<Step> normalize, pre_tokenize, decode;
    std::vector<TokenId> prefix_ids, suffix_ids, eos_ids;
    TokenId unknown_id = tokenizer::kNoToken;
    TokenId bos_id = tokenizer::kNoToken;
    // Sentences for people who compile the model: what it lacks. Not part of the section.
    std::vector<std::string> remarks;
};

// The byte that a piece of kind kByte stands for ("<0x0A>" -> 10), or -1 if its text has another
// form.
int byte_of_piece(std::string_view text);

// Throws TokenizerError where the specification is not one that parse() would accept.
std::vector<std::byte> serialize(const TokenizerSpec& spec);

// The inverse; checks every count, offset, id, kind and flag before using it.
TokenizerSpec parse(std::span<const std::byte> section);

}  // namespace skald::rt
