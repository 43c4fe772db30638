// SPDX-License-Identifier: MIT
#include "tokenizer/piece_index.hpp"

#include <bit>

namespace skald::rt {
namespace {

// Half full at most, so that probing ends soon.
std::size_t slots_for(std::size_t entries) {
    return std::bit_ceil(entries * 2 + 2);
}

std::size_t mix(std::uint64_t h) {
    h ^= h >> 32;
    h *= 0x9E3779B97F4A7C15u;
    return static_cast<std::size_t>(h ^ (h >> 29));
}

std::size_t hash(std::string_view text) {
    std::uint64_t h = 0xcbf29ce484222325u;
    for (unsigned char c : text)
        h = (h ^ c) * 0x100000001b3u;
    return mix(h);
}

std::size_t hash(TokenId left, TokenId right) {
    return mix((std::uint64_t{left} << 32 | right) * 0xD6E8FEB86659FD93u);
}

}  // namespace

bool is_text(const TokenizerSpec& spec, TokenId id) {
    const tokenizer::PieceKind kind = spec.pieces[id].kind;
    return kind == tokenizer::PieceKind::kNormal || kind == tokenizer::PieceKind::kUser ||
           (kind == tokenizer::PieceKind::kByte && (spec.flags & tokenizer::kBytesAreText) != 0);
}

PieceIndex::PieceIndex(const TokenizerSpec& spec)
    : pieces_(spec.pieces), slots_(slots_for(spec.pieces.size()), tokenizer::kNoToken) {
    const auto& pieces = spec.pieces;
    for (TokenId id = 0; id < pieces.size(); ++id) {
        if (!is_text(spec, id) || pieces[id].text.empty())
            continue;
        std::size_t slot = hash(pieces[id].text) & (slots_.size() - 1);
        while (slots_[slot] != tokenizer::kNoToken && pieces[slots_[slot]].text != pieces[id].text)
            slot = (slot + 1) & (slots_.size() - 1);
        if (slots_[slot] == tokenizer::kNoToken)
            slots_[slot] = id;
    }
}

TokenId PieceIndex::find(std::string_view text) const {
    std::size_t slot = hash(text) & (slots_.size() - 1);
    while (slots_[slot] != tokenizer::kNoToken && pieces_[slots_[slot]].text != text)
        slot = (slot + 1) & (slots_.size() - 1);
    return slots_[slot];
}

MergeIndex::MergeIndex(std::span<const tokenizer::Merge> merges)
    : merges_(merges), slots_(slots_for(merges.size()), tokenizer::kNoToken) {
    for (std::uint32_t rank = 0; rank < merges.size(); ++rank) {
        const tokenizer::Merge& m = merges[rank];
        std::size_t slot = hash(m.left, m.right) & (slots_.size() - 1);
        while (slots_[slot] != tokenizer::kNoToken &&
               (merges[slots_[slot]].left != m.left || merges[slots_[slot]].right != m.right))
            slot = (slot + 1) & (slots_.size() - 1);
        slots_[slot] = rank;
    }
}

MergeIndex::Found MergeIndex::find(TokenId left, TokenId right) const {
    std::size_t slot = hash(left, right) & (slots_.size() - 1);
    while (slots_[slot] != tokenizer::kNoToken) {
        const tokenizer::Merge& m = merges_[slots_[slot]];
        if (m.left == left && m.right == right)
            return {slots_[slot], m.result};
        slot = (slot + 1) & (slots_.size() - 1);
    }
    return {tokenizer::kNoToken, tokenizer::kNoToken};
}

}  // namespace skald::rt
