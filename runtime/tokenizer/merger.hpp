// SPDX-License-Identifier: MIT
// The pieces of one word. Byte-pair merging, by rank in the merge list or by score of the merged
// piece, runs here: characters to pieces, neighbours merged best first, O(n log n), so that a word
// may be a whole prompt. Unigram vocabularies have unigram.hpp.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "tokenizer/piece_index.hpp"
#include "tokenizer/spec.hpp"
#include "tokenizer/unigram.hpp"

namespace skald::rt {

class Merger {
  public:
    // `spec` must outlive the merger.
    explicit Merger(const TokenizerSpec& spec);
    Merger(const Merger&) = delete;
    Merger& operator=(const Merger&) = delete;

    // Appends the ids of `word`, well-formed UTF-8 (uapi/doc/tokenizer.md, Encode 4; equals go
    // leftmost first). A character that has neither piece, byte pieces nor unknown token is left
    // out.
    void merge(std::string_view word, std::vector<TokenId>& ids) const;

  private:
    struct Symbol;
    struct Candidate;
    class Output;

    TokenId byte_id(char byte) const { return byte_ids_[static_cast<unsigned char>(byte)]; }
    bool falls_back_to_bytes(std::string_view character) const;
    void find_symbols();
    TokenId symbol_at(std::string_view text) const;
    bool is_symbol(TokenId id) const;
    std::vector<Symbol> split(std::string_view word) const;
    void add_fallback(std::string_view word, std::size_t begin, std::size_t end,
                      std::vector<Symbol>& symbols) const;
    Candidate candidate(std::string_view word, const std::vector<Symbol>& symbols,
                        std::uint32_t left) const;

    const TokenizerSpec& spec_;
    PieceIndex pieces_;
    MergeIndex merges_;
    std::optional<Unigram> unigram_;
    // With scores: pieces of the user that are not cut out as added tokens. They merge with
    // nothing.
    std::vector<bool> is_symbol_;
    std::size_t longest_symbol_ = 0;     // bytes
    std::array<TokenId, 256> byte_ids_;  // kNoToken where there is no piece for the byte
};

}  // namespace skald::rt
