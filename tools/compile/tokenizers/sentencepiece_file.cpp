// SPDX-License-Identifier: MIT
#include "tokenizers/sentencepiece_file.hpp"

#include <bit>
#include <limits>

#include "input/byte_reader.hpp"

namespace skald::compiler {
namespace {

// One field of a message: a number, or bytes that lie in the file.
struct Field {
    std::uint64_t number;
    std::uint64_t value;  // of a number
    std::span<const std::byte> bytes;

    std::string text() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
    bool flag() const { return value != 0; }
};

// The fields of a message, one after the other; those of nested ones are read by another reader.
class Fields {
  public:
    Fields(const std::string& file, std::span<const std::byte> bytes) : reader_(file, bytes) {}

    bool more() const { return reader_.left() > 0; }

    Field next() {
        const std::uint64_t tag = varint();
        Field field{tag >> 3, 0, {}};
        switch (tag & 7) {
            case 0:
                field.value = varint();
                break;
            case 1:
                field.value = reader_.get<std::uint64_t>("a number");
                break;
            case 2:
                field.bytes = reader_.take(varint(), "a field");
                break;
            case 5:
                field.value = reader_.get<std::uint32_t>("a number");
                break;
            default:
                reader_.reject("not a field of a SentencePiece model");
        }
        return field;
    }

  private:
    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const auto byte = reader_.get<std::uint8_t>("a number");
            value |= std::uint64_t{byte & 0x7fu} << shift;
            if (byte < 0x80)
                return value;
        }
        reader_.reject("a number has more than 64 bits");
    }

    ByteReader reader_;
};

SentencePieceFile::Piece read_piece(const std::string& name, std::span<const std::byte> bytes) {
    SentencePieceFile::Piece piece;
    for (Fields fields(name, bytes); fields.more();) {
        const Field field = fields.next();
        if (field.number == 1)
            piece.text = field.text();
        else if (field.number == 2)
            piece.score = std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
        else if (field.number == 3)
            piece.type = field.value;
    }
    return piece;
}

void read_trainer(const std::string& name, std::span<const std::byte> bytes,
                  SentencePieceFile& file) {
    const auto id = [](const Field& field) { return static_cast<std::int32_t>(field.value); };
    for (Fields fields(name, bytes); fields.more();) {
        const Field field = fields.next();
        switch (field.number) {
            case 3:
                if (field.value < 1 || field.value > 4)
                    fail("{}: trainer_spec.model_type {} is unknown", name, field.value);
                file.model = static_cast<SentencePieceFile::Model>(field.value);
                break;
            case 24:
                file.space_behind = field.flag();
                break;
            case 35:
                file.byte_fallback = field.flag();
                break;
            case 40:
                file.unknown_id = id(field);
                break;
            case 41:
                file.bos_id = id(field);
                break;
            case 42:
                file.eos_id = id(field);
                break;
            default:
                break;
        }
    }
}

void read_normalizer(const std::string& name, std::span<const std::byte> bytes,
                     SentencePieceFile& file) {
    for (Fields fields(name, bytes); fields.more();) {
        const Field field = fields.next();
        if (field.number == 2)
            file.charsmap.assign(field.bytes.begin(), field.bytes.end());
        else if (field.number == 3)
            file.add_dummy_prefix = field.flag();
        else if (field.number == 4)
            file.remove_extra_whitespaces = field.flag();
        else if (field.number == 5)
            file.escape_whitespaces = field.flag();
    }
}

}  // namespace

bool is_sentencepiece(std::span<const std::byte> bytes) {
    // Field 1, bytes; the piece begins with its text, field 1 again.
    return bytes.size() > 2 && bytes[0] == std::byte{0x0a} && bytes[2] == std::byte{0x0a};
}

SentencePieceFile parse_sentencepiece(const std::string& name, std::span<const std::byte> bytes) {
    SentencePieceFile file;
    for (Fields fields(name, bytes); fields.more();) {
        const Field field = fields.next();
        if (field.number == 1)
            file.pieces.push_back(read_piece(name, field.bytes));
        else if (field.number == 2)
            read_trainer(name, field.bytes, file);
        else if (field.number == 3)
            read_normalizer(name, field.bytes, file);
    }
    if (file.pieces.empty())
        fail("{}: has no pieces; it is no SentencePiece model", name);
    if (file.pieces.size() >= std::size_t{1} << 24)
        fail("{}: has {} pieces, there must be less than 2^24", name, file.pieces.size());
    return file;
}

}  // namespace skald::compiler
