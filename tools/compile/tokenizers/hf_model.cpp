// SPDX-License-Identifier: MIT
#include "tokenizers/hf_model.hpp"

#include <algorithm>
#include <cmath>

#include "error.hpp"

namespace skald::compiler {
namespace {

namespace tk = skald::tokenizer;
using Spec = rt::TokenizerSpec;

constexpr std::uint64_t kMaxVocabulary = 1u << 24;

// Whether the decoder makes bytes of <0x00> ... <0xFF>.
bool decodes_bytes(const JsonObject& file) {
    const auto decoder = file.maybe_object("decoder");
    if (!decoder)
        return false;
    const auto is_one = [](const Json& step) {
        return step.is_object() && step.value("type", Json()) == "ByteFallback";
    };
    if (const Json* list = decoder->maybe_array("decoders"))
        return std::ranges::any_of(*list, is_one);
    return is_one(decoder->json());
}

}  // namespace

// Makes room for the piece; ids may come in any order, holes stay unused.
Spec::Piece& HfVocabulary::piece(const JsonObject& where, std::string_view key, const Json& id) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= kMaxVocabulary)
        where.reject(key, "must be a token id below 2^24");
    const auto index = id.get<std::size_t>();
    while (spec_.pieces.size() <= index)
        spec_.pieces.push_back({"", tk::PieceKind::kUnused, 0});
    return spec_.pieces[index];
}

void HfVocabulary::put(const JsonObject& where, std::string_view key, const Json& id,
                       const std::string& text, float score) {
    Spec::Piece& p = piece(where, key, id);
    if (p.kind != tk::PieceKind::kUnused)
        where.reject(key, "has an id that another token has as well");
    const bool byte = has_bytes_ && rt::byte_of_piece(text) >= 0;
    p = {text, byte ? tk::PieceKind::kByte : tk::PieceKind::kNormal, score};
    ids_[text] = id.get<rt::TokenId>();
}

void HfVocabulary::read_model(const JsonObject& file) {
    const JsonObject model = file.object("model");
    const std::string type = model.maybe_string("type").value_or("BPE");
    has_bytes_ = model.maybe_bool("byte_fallback").value_or(false) || decodes_bytes(file);
    if (has_bytes_)
        spec_.flags |= tk::kBytesAreText;
    if (type == "BPE")
        read_bpe(model);
    else if (type == "Unigram")
        read_unigram(model);
    else
        fail("{}: tokenizer model {} is not supported; BPE and Unigram are", file.file(), type);
}

void HfVocabulary::read_bpe(const JsonObject& model) {
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
        if (!model.maybe_string(key).value_or("").empty())
            model.reject(key, "is not supported");
    if (model.maybe_number("dropout").value_or(0) != 0)
        model.reject("dropout", "is not supported");
    spec_.algorithm = tk::Algorithm::kMergeRanks;
    const auto flag = [&](std::string_view key, std::uint32_t bit) {
        if (model.maybe_bool(key).value_or(false))
            spec_.flags |= bit;
    };
    flag("byte_fallback", tk::kByteFallback);
    flag("fuse_unk", tk::kFuseUnknown);
    flag("ignore_merges", tk::kWholeWords);
    const JsonObject vocabulary = model.object("vocab");
    for (const auto& [text, id] : vocabulary.json().items())
        put(vocabulary, text, id, text, 0);
    read_merges(model);
    if (const auto unknown = model.maybe_string("unk_token"))
        spec_.unknown_id = id_of(model, "unk_token", *unknown);
}

// "left right", or ["left", "right"]
void HfVocabulary::read_merges(const JsonObject& model) {
    for (const Json& merge : model.array("merges")) {
        std::string left, right;
        if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
            left = merge[0].get<std::string>();
            right = merge[1].get<std::string>();
        } else if (merge.is_string()) {
            const auto text = merge.get<std::string>();
            const std::size_t space = text.find(' ');
            left = text.substr(0, space);
            right = space == std::string::npos ? "" : text.substr(space + 1);
        }
        if (left.empty() || right.empty())
            model.reject("merges",
                         fmt::format("entry {} is not a pair of tokens", spec_.merges.size()));
        spec_.merges.push_back({id_of(model, "merges", left), id_of(model, "merges", right),
                                id_of(model, "merges", left + right)});
    }
}

// [[text, score], ...]; the id is the place in the list.
void HfVocabulary::read_unigram(const JsonObject& model) {
    spec_.algorithm = tk::Algorithm::kUnigram;
    spec_.flags |= tk::kFuseUnknown;
    if (model.maybe_bool("byte_fallback").value_or(false))
        spec_.flags |= tk::kByteFallback;
    const Json& vocabulary = model.array("vocab");
    bool rounded = false;
    for (std::size_t i = 0; i < vocabulary.size(); ++i) {
        const Json& entry = vocabulary[i];
        if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() ||
            !entry[1].is_number() || !std::isfinite(entry[1].get<float>()))
            model.reject("vocab", fmt::format("entry {} is not a text with a score", i));
        const auto score = entry[1].get<double>();
        rounded = rounded || double{static_cast<float>(score)} != score;
        put(model, "vocab", Json(std::uint64_t{i}), entry[0].get<std::string>(),
            static_cast<float>(score));
    }
    if (rounded)
        spec_.remarks.push_back(fmt::format(
            "{}: the scores of model.vocab have more digits than a float: where pieces are as good "
            "as others but for the last ones, those others may be taken",
            model.file()));
    if (const auto unknown = model.maybe_uint("unk_id")) {
        if (*unknown >= vocabulary.size())
            model.reject("unk_id", "is not in the vocabulary");
        spec_.unknown_id = static_cast<rt::TokenId>(*unknown);
        // It stands for what is not in the vocabulary; its own text is as any other.
    }
}

void HfVocabulary::know_pieces() {
    for (rt::TokenId id = 0; id < spec_.pieces.size(); ++id) {
        ids_.emplace(spec_.pieces[id].text, id);
        if (spec_.pieces[id].kind == tk::PieceKind::kControl)
            add_special(spec_.pieces[id].text);
    }
}

rt::TokenId HfVocabulary::find(const std::string& text) const {
    const auto it = ids_.find(text);
    return it == ids_.end() ? tk::kNoToken : it->second;
}

rt::TokenId HfVocabulary::id_of(const JsonObject& where, std::string_view key,
                                const std::string& text) const {
    const rt::TokenId id = find(text);
    if (id == tk::kNoToken)
        where.reject(key, fmt::format("names \"{}\", which is not in the vocabulary", text));
    return id;
}

void HfVocabulary::read_added_tokens(const JsonObject& file) {
    const Json* list = file.maybe_array("added_tokens");
    if (!list)
        return;
    for (std::size_t i = 0; i < list->size(); ++i) {
        const JsonObject token(file.file(), fmt::format("added_tokens[{}]", i), (*list)[i]);
        if (!token.has("id"))
            token.reject("id", "is missing");
        add_token(token, "id", *token.find("id"));
    }
}

void HfVocabulary::add_token(const JsonObject& token, std::string_view id_key, const Json& id) {
    const std::string text = token.string("content");
    if (text.empty())
        token.reject("content", "is empty");
    Spec::Piece& p = piece(token, id_key, id);
    if (!p.text.empty() && p.text != text)
        token.reject(id_key, fmt::format("is the id of \"{}\" in the vocabulary", p.text));
    const auto number = id.get<rt::TokenId>();
    if (const rt::TokenId before = find(text); before != tk::kNoToken && before != number)
        token.reject(id_key, fmt::format("is {}, in the vocabulary it is {}", number, before));
    const bool special = token.maybe_bool("special").value_or(false);
    // What the model's vocabulary has no place for is cut out, and no word becomes it.
    const bool in_model = p.kind != tk::PieceKind::kUnused;
    p.text = text;
    p.kind = special    ? tk::PieceKind::kControl
             : in_model ? tk::PieceKind::kUser
                        : tk::PieceKind::kUnused;
    ids_[text] = number;
    std::uint32_t flags = special ? tk::kSpecial : 0u;
    if (token.maybe_bool("normalized").value_or(!special))
        flags |= tk::kNormalized;
    if (token.maybe_bool("lstrip").value_or(false))
        flags |= tk::kStripLeft;
    if (token.maybe_bool("rstrip").value_or(false))
        flags |= tk::kStripRight;
    if (token.maybe_bool("single_word").value_or(false))
        flags |= tk::kSingleWord;
    const auto [at, fresh] = added_.emplace(number, spec_.added.size());
    if (fresh)
        spec_.added.push_back({number, flags});
    else
        spec_.added[at->second].flags = flags;
}

void HfVocabulary::add_special(const std::string& text, Added added) {
    const rt::TokenId id = find(text);
    if (id == tk::kNoToken)
        return;
    const auto [at, fresh] = added_.emplace(id, spec_.added.size());
    if (fresh)
        spec_.added.push_back({id, tk::kSpecial});
    else if (added == Added::kBecomes)
        spec_.added[at->second].flags |= tk::kSpecial;
    else
        return;
    spec_.pieces[id].kind = tk::PieceKind::kControl;
}

}  // namespace skald::compiler
