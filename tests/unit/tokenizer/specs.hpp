// SPDX-License-Identifier: MIT
// Small tokenizers of each kind, put together by hand.
#pragma once

#include <string>
#include <vector>

#include "tokenizer/byte_level.hpp"
#include "tokenizer/spec.hpp"

namespace skald::test {

namespace tk = skald::tokenizer;
using rt::TokenId;
using rt::TokenizerSpec;

inline constexpr const char* kMark = "\xE2\x96\x81";  // U+2581

inline TokenId add_piece(TokenizerSpec& spec, const std::string& text,
                         tk::PieceKind kind = tk::PieceKind::kNormal, float score = 0) {
    spec.pieces.push_back({text, kind, score});
    return static_cast<TokenId>(spec.pieces.size() - 1);
}

inline TokenId find_piece(const TokenizerSpec& spec, const std::string& text) {
    for (TokenId id = 0; id < spec.pieces.size(); ++id)
        if (spec.pieces[id].text == text)
            return id;
    return tk::kNoToken;
}

// "ab" from "a" and "b"; the new piece's id.
inline TokenId add_merge(TokenizerSpec& spec, const std::string& left, const std::string& right) {
    const TokenId result = add_piece(spec, left + right);
    spec.merges.push_back({find_piece(spec, left), find_piece(spec, right), result});
    return result;
}

// Llama 2 as Hugging Face writes it: mark for space, byte pieces, merges by rank. <unk> <s> </s>
// <0x00>.. letters.
inline TokenizerSpec llama2() {
    TokenizerSpec spec;
    spec.flags = tk::kByteFallback | tk::kFuseUnknown;
    add_piece(spec, "<unk>", tk::PieceKind::kUnknown);
    add_piece(spec, "<s>", tk::PieceKind::kControl);
    add_piece(spec, "</s>", tk::PieceKind::kControl);
    const char* digits = "0123456789ABCDEF";
    for (int b = 0; b < 256; ++b)
        add_piece(spec, std::string("<0x") + digits[b / 16] + digits[b % 16] + ">",
                  tk::PieceKind::kByte);
    add_piece(spec, kMark);
    for (char c = 'a'; c <= 'z'; ++c)
        add_piece(spec, std::string(1, c));
    add_merge(spec, "h", "e");
    add_merge(spec, "l", "l");
    add_merge(spec, "he", "ll");
    add_merge(spec, "hell", "o");
    add_merge(spec, kMark, "hello");
    spec.added = {{0, tk::kSpecial}, {1, tk::kSpecial}, {2, tk::kSpecial}};
    spec.normalize = {{tk::StepKind::kPrepend, 0, kMark, ""},
                      {tk::StepKind::kReplace, 0, " ", kMark}};
    spec.decode = {{tk::StepKind::kReplace, 0, kMark, " "},
                   {tk::StepKind::kByteTokens, 0, "", ""},
                   {tk::StepKind::kStrip, 1, " ", ""}};
    spec.prefix_ids = {1};
    spec.eos_ids = {2};
    spec.unknown_id = 0;
    spec.bos_id = 1;
    return spec;
}

// Byte-level BPE with one expression: ids 0..255 are the bytes, 256 is <|end|>.
inline TokenizerSpec byte_level(const std::string& expression) {
    TokenizerSpec spec;
    for (int b = 0; b < 256; ++b)
        add_piece(spec, rt::byte_level::encode(std::string(1, static_cast<char>(b))));
    const TokenId end = add_piece(spec, "<|end|>", tk::PieceKind::kControl);
    spec.added = {{end, tk::kSpecial}};
    spec.eos_ids = {end};
    spec.pre_tokenize = {{tk::StepKind::kSplit, tk::kIsolated, expression, ""},
                         {tk::StepKind::kByteLevel, 0, "", ""}};
    spec.decode = {{tk::StepKind::kByteLevel, 0, "", ""}};
    return spec;
}

}  // namespace skald::test
