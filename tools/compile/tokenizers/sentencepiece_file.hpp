// SPDX-License-Identifier: MIT
// A tokenizer.model as SentencePiece writes it: a protocol buffer (ModelProto) of pieces and of how
// they were trained.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace skald::compiler {

struct SentencePieceFile {
    enum class Model : std::uint8_t { kUnigram = 1, kBpe = 2, kWord = 3, kChar = 4 };
    struct Piece {
        std::string text;
        float score = 0;
        std::uint64_t type = 1;  // as tokenizer::PieceKind
    };

    std::vector<Piece> pieces;
    Model model = Model::kUnigram;
    bool byte_fallback = false;
    bool space_behind = false;  // treat_whitespace_as_suffix
    // Indices of pieces; -1: none.
    std::int32_t unknown_id = 0, bos_id = 1, eos_id = 2;
    std::vector<std::byte> charsmap;
    bool add_dummy_prefix = true;
    bool remove_extra_whitespaces = true;
    bool escape_whitespaces = true;
};

// Whether a file begins as such a model does: with a piece.
bool is_sentencepiece(std::span<const std::byte> bytes);

// Fields that do not matter here are skipped. Throws CompileError.
SentencePieceFile parse_sentencepiece(const std::string& name, std::span<const std::byte> bytes);

}  // namespace skald::compiler
