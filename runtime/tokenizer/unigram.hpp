// SPDX-License-Identifier: MIT
// A word as the sequence of pieces whose scores have the greatest sum (Viterbi).
#pragma once

#include <string_view>
#include <vector>

#include "tokenizer/piece_index.hpp"
#include "tokenizer/spec.hpp"

namespace skald::rt {

class Unigram {
  public:
    // Both must outlive it; the specification's algorithm is kUnigram.
    Unigram(const TokenizerSpec& spec, const PieceIndex& pieces);

    // Appends the best pieces of `word`, well-formed UTF-8 (uapi/doc/tokenizer.md, Encode 4). A
    // character that is no piece gives kNoToken: the caller knows what becomes of it.
    struct Part {
        TokenId id;
        std::size_t begin, end;
    };
    std::vector<Part> split(std::string_view word) const;

  private:
    const TokenizerSpec& spec_;
    const PieceIndex& pieces_;
    std::size_t longest_ = 0;  // piece, in bytes
    double unknown_score_ = 0;
};

}  // namespace skald::rt
