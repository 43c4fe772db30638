// SPDX-License-Identifier: MIT
// Two look-up tables with open addressing, built once when a tokenizer is loaded: text to piece,
// pair of pieces to merge. (A node-based map of 300,000 merges costs more to build inside an
// emulated guest than the whole rest of the load.)
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tokenizer/spec.hpp"

namespace skald::rt {

// Whether text can become this piece: not control, unknown or unused ones, nor bytes unless
// kBytesAreText.
bool is_text(const TokenizerSpec& spec, TokenId id);

class PieceIndex {
  public:
    // Pieces that text can become. The first of equal texts wins. `spec` must outlive the index.
    explicit PieceIndex(const TokenizerSpec& spec);

    // kNoToken if there is none.
    TokenId find(std::string_view text) const;

  private:
    std::span<const TokenizerSpec::Piece> pieces_;
    std::vector<TokenId> slots_;
};

class MergeIndex {
  public:
    struct Found {
        std::uint32_t rank;  // kNoToken if the pair does not merge
        TokenId result;
    };

    // Of equal pairs the last wins, as in a map that is filled in order. `merges` must outlive the
    // index.
    explicit MergeIndex(std::span<const tokenizer::Merge> merges);

    Found find(TokenId left, TokenId right) const;

  private:
    std::span<const tokenizer::Merge> merges_;
    std::vector<std::uint32_t> slots_;
};

}  // namespace skald::rt
