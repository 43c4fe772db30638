// SPDX-License-Identifier: MIT
// tokenizer.model of a folder, SentencePiece's or a file of ranks: a byte, so many bytes of text to
// encode, then the file.
#include <initializer_list>

#include "support/files.hpp"
#include "support/readers.hpp"
#include "support/source.hpp"
#include "tokenizers/sentencepiece_file.hpp"
#include "tokenizers/sentencepiece_tokenizer.hpp"
#include "tokenizers/tiktoken_tokenizer.hpp"

namespace skald::fuzz {
namespace {

// A field of a protocol buffer, whose number and length fit a byte.
std::string part(unsigned number, std::string_view bytes) {
    std::string field{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())};
    return field += bytes;
}
std::string number(unsigned field, unsigned value) {
    return {static_cast<char>(field << 3), static_cast<char>(value)};
}

struct Piece {
    std::string_view text;
    unsigned type;  // as tokenizer::PieceKind
};

// Later pieces have lower scores.
std::string sentencepiece(unsigned model_type, std::initializer_list<Piece> pieces) {
    std::string file;
    std::uint8_t rank = 0;
    for (const Piece& piece : pieces) {
        const std::string score{'\x15', 0, 0, static_cast<char>(rank++), '\xc0'};  // -2 and below
        file += part(1, part(1, piece.text) + score + number(3, piece.type));
    }
    const std::string byte_fallback = "\x98\x02\x01";
    return file + part(2, number(3, model_type) + byte_fallback) +
           part(3, number(3, 1) + number(4, 1) + number(5, 1));
}

}  // namespace

void run(std::span<const std::byte> input) {
    Source source(input);
    const std::string text(text_of(source.counted()));
    const auto content = source.rest();
    const MemoryFile file(content);
    may_refuse([&] {
        use_tokenizer(rt::Tokenizer(compiler::is_sentencepiece(content)
                                        ? compiler::load_sentencepiece_tokenizer(file.path())
                                        : compiler::load_tiktoken_tokenizer(file.path())),
                      text);
    });
}

std::vector<Bytes> seeds() {
    const std::initializer_list<Piece> pieces{{"<unk>", 2},
                                              {"<s>", 3},
                                              {"</s>", 3},
                                              {"<0x41>", 6},
                                              {"a", 1},
                                              {"b", 1},
                                              {"ab", 1},
                                              {"c", 1},
                                              {"\xe2\x96\x81"
                                               "ab",
                                               1},
                                              {"\xe2\x96\x81", 1}};
    return {with_text("ab cabA", bytes_of(sentencepiece(2, pieces))),
            with_text("ab</s> cab", bytes_of(sentencepiece(1, pieces))),
            with_text("abc ab", bytes_of("YQ== 0\nYg== 1\nYw== 2\nIA== 3\nYWI= 4\nYWJj 5\n"))};
}

}  // namespace skald::fuzz
