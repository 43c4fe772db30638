// SPDX-License-Identifier: MIT
#include "tokenizer/tokenizer.hpp"

#include <algorithm>
#include <iterator>
#include <optional>

#include "tokenizer/added_tokens.hpp"
#include "tokenizer/byte_level.hpp"
#include "tokenizer/merger.hpp"
#include "tokenizer/regex.hpp"
#include "tokenizer/steps.hpp"
#include "tokenizer/stream_decoder.hpp"
#include "tokenizer/utf8.hpp"

namespace skald::rt {
namespace {

namespace tk = skald::tokenizer;

// The added tokens that are looked for before (or after) the normaliser. After it, their own text
// is normalised too, so that it is found at all.
AddedTokens pick(const TokenizerSpec& spec, const Normalizer& normalizer, bool normalized) {
    std::vector<AddedTokens::Token> tokens;
    for (const tk::Added& a : spec.added) {
        if (((a.flags & tk::kNormalized) != 0) != normalized)
            continue;
        const std::string& text = spec.pieces[a.id].text;
        tokens.push_back({normalized ? normalizer.apply(text, false) : text, a.id, a.flags});
    }
    return AddedTokens(std::move(tokens));
}

}  // namespace

// The order of the members is the order in which they need each other.
struct Tokenizer::Parts {
    TokenizerSpec spec;
    Normalizer normalizer;
    PreTokenizer pre_tokenizer;
    AddedTokens added_raw, added_normalized;
    Merger merger;
    std::vector<std::optional<Regex>> decode_regexes;  // of the steps that have one
    // literal: added, and not decoded; normalized: what is looked for, and shown, is normal
    std::vector<bool> is_literal, is_normalized, is_eos;

    explicit Parts(TokenizerSpec s)
        : spec(std::move(s)),
          normalizer(spec.normalize),
          pre_tokenizer(spec.pre_tokenize),
          added_raw(pick(spec, normalizer, false)),
          added_normalized(pick(spec, normalizer, true)),
          merger(spec),
          decode_regexes(spec.decode.size()),
          is_literal(spec.pieces.size()),
          is_normalized(spec.pieces.size()),
          is_eos(spec.pieces.size()) {
        for (std::size_t i = 0; i < spec.decode.size(); ++i)
            if (spec.decode[i].kind == tk::StepKind::kReplaceRegex)
                decode_regexes[i].emplace(spec.decode[i].a);
        for (const tk::Added& a : spec.added) {
            is_literal[a.id] = (a.flags & tk::kDecoded) == 0;
            is_normalized[a.id] = (a.flags & tk::kNormalized) != 0;
        }
        for (TokenId id : spec.eos_ids)
            is_eos[id] = true;
    }

    void encode_plain(std::string_view text, bool first, bool special,
                      std::vector<TokenId>& ids) const {
        const std::string normal = normalizer.apply(std::string(text), first);
        for (const AddedTokens::Part& part : added_normalized.split(normal, special)) {
            if (part.id != tk::kNoToken) {
                ids.push_back(part.id);
                first = false;
                continue;
            }
            for (const std::string& word : pre_tokenizer.apply(std::string(part.text), first))
                merger.merge(word, ids);
            first = false;
        }
    }
};

// A specification goes through its own bytes, so that both ways in are checked by the same code.
Tokenizer::Tokenizer(const TokenizerSpec& spec)
    : Tokenizer(std::span<const std::byte>(serialize(spec))) {}

Tokenizer::Tokenizer(std::span<const std::byte> section)
    : parts_(std::make_unique<const Parts>(parse(section))) {}

Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

std::vector<TokenId> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
    const TokenizerSpec& spec = parts_->spec;
    std::vector<TokenId> ids;
    if (options.add_special)
        ids.insert(ids.end(), spec.prefix_ids.begin(), spec.prefix_ids.end());
    const std::string clean = utf8::sanitize(text);
    bool first = true;
    for (const AddedTokens::Part& part : parts_->added_raw.split(clean, options.parse_special)) {
        if (part.id != tk::kNoToken)
            ids.push_back(part.id);
        else
            parts_->encode_plain(part.text, first, options.parse_special, ids);
        first = false;
    }
    if (options.add_special)
        std::ranges::copy_if(spec.suffix_ids, std::back_inserter(ids),
                             [&](TokenId id) { return !is_eos(id); });
    return ids;
}

bool Tokenizer::is_control(TokenId id) const {
    if (id >= size())
        return false;
    const tk::PieceKind kind = parts_->spec.pieces[id].kind;
    return kind == tk::PieceKind::kControl || kind == tk::PieceKind::kUnknown;
}

std::string Tokenizer::piece_bytes(TokenId id, bool show_control, Place place) const {
    const TokenizerSpec& spec = parts_->spec;
    if (id >= spec.pieces.size())
        throw TokenizerError("token " + std::to_string(id) + " is not in the vocabulary of " +
                             std::to_string(spec.pieces.size()));
    const TokenizerSpec::Piece& piece = spec.pieces[id];
    if (is_control(id))
        return show_control ? piece.text : std::string();
    std::string text =
        parts_->is_normalized[id] ? parts_->normalizer.apply(piece.text, false) : piece.text;
    if (parts_->is_literal[id])
        return text;
    for (std::size_t i = 0; i < spec.decode.size(); ++i) {
        const TokenizerSpec::Step& step = spec.decode[i];
        switch (step.kind) {
            case tk::StepKind::kPrepend:
                if (place == Place::kLater)
                    text = step.a + text;
                break;
            case tk::StepKind::kReplace:
                text = replace_all(text, step.a, step.b);
                break;
            case tk::StepKind::kReplaceRegex:
                if (const auto& regex = parts_->decode_regexes[i])
                    text = regex->replace_all(text, step.b);
                break;
            case tk::StepKind::kMetaspace: {
                const bool put_before =
                    (step.flags & (tk::kPrependAlways | tk::kPrependFirst)) != 0;
                text = replace_all(text, step.a, put_before && place == Place::kFirst ? "" : " ");
                break;
            }
            case tk::StepKind::kByteLevel:
                text = byte_level::decode(text).value_or(text);
                break;
            case tk::StepKind::kByteTokens:
                if (piece.kind == tk::PieceKind::kByte)
                    text = std::string(1, static_cast<char>(byte_of_piece(piece.text)));
                break;
            default:
                break;  // kStrip acts on the whole text: leading_strip()
        }
    }
    return text;
}

TokenId Tokenizer::control_id(std::string_view text) const {
    const auto& pieces = parts_->spec.pieces;
    const auto found = std::ranges::find_if(pieces, [&](const TokenizerSpec::Piece& piece) {
        return piece.kind == tk::PieceKind::kControl && piece.text == text;
    });
    return found == pieces.end() ? tk::kNoToken : static_cast<TokenId>(found - pieces.begin());
}

Tokenizer::LeadingStrip Tokenizer::leading_strip() const {
    const auto& steps = parts_->spec.decode;
    const auto strip = std::ranges::find(steps, tk::StepKind::kStrip, &TokenizerSpec::Step::kind);
    return strip == steps.end() ? LeadingStrip() : LeadingStrip{strip->a[0], strip->flags};
}

std::string Tokenizer::decode(std::span<const TokenId> ids) const {
    StreamDecoder stream(*this);
    std::string text;
    for (TokenId id : ids)
        text += stream.push(id);
    return text + stream.finish();
}

std::size_t Tokenizer::size() const {
    return parts_->spec.pieces.size();
}
std::span<const TokenId> Tokenizer::eos_ids() const {
    return parts_->spec.eos_ids;
}
bool Tokenizer::is_eos(TokenId id) const {
    return id < size() && parts_->is_eos[id];
}
TokenId Tokenizer::bos_id() const {
    return parts_->spec.bos_id;
}
const TokenizerSpec& Tokenizer::spec() const {
    return parts_->spec;
}

}  // namespace skald::rt
