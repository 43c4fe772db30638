// SPDX-License-Identifier: MIT
#include "tokenizers/sentencepiece_tokenizer.hpp"

#include <algorithm>
#include <cmath>

#include "error.hpp"
#include "input/file_bytes.hpp"
#include "input/json.hpp"
#include "tokenizers/char_map.hpp"
#include "tokenizers/end_of_turn.hpp"
#include "tokenizers/hf_config.hpp"
#include "tokenizers/hf_model.hpp"
#include "tokenizers/runtime_check.hpp"
#include "tokenizers/sentencepiece_file.hpp"

namespace skald::compiler {
namespace {

namespace fs = std::filesystem;
namespace tk = skald::tokenizer;
using Spec = rt::TokenizerSpec;

constexpr unsigned kAll = 0xffff;  // spaces at the start of a text
constexpr float kUserScore = -0.1f;
constexpr std::string_view kMark = "\xE2\x96\x81";  // U+2581 stands for a space

class Reader {
  public:
    Reader(const std::string& name, const SentencePieceFile& file) : name_(name), file_(file) {}

    Spec read() {
        if (file_.space_behind)
            fail("{}: trainer_spec.treat_whitespace_as_suffix is not supported", name_);
        if (!file_.escape_whitespaces)
            fail("{}: normalizer_spec.escape_whitespaces false is not supported", name_);
        read_model();
        read_pieces();
        read_normalizer();
        read_decoder();
        spec_.unknown_id = id(file_.unknown_id, "unk_id");
        spec_.bos_id = id(file_.bos_id, "bos_id");
        if (spec_.bos_id != tk::kNoToken)
            spec_.prefix_ids.push_back(spec_.bos_id);
        if (const rt::TokenId eos = id(file_.eos_id, "eos_id"); eos != tk::kNoToken)
            add_end(spec_, eos);
        return std::move(spec_);
    }

  private:
    rt::TokenId id(std::int32_t number, std::string_view what) const {
        if (number < 0)
            return tk::kNoToken;
        const auto found = static_cast<rt::TokenId>(number);
        if (found >= file_.pieces.size())
            fail("{}: trainer_spec.{} is {}, there are {} pieces", name_, what, number,
                 file_.pieces.size());
        return found;
    }

    void read_model() {
        using enum SentencePieceFile::Model;
        if (file_.model != kUnigram && file_.model != kBpe)
            fail("{}: a {} model is not supported; unigram and bpe are", name_,
                 file_.model == kWord ? "word" : "char");
        spec_.algorithm =
            file_.model == kBpe ? tk::Algorithm::kMergeScores : tk::Algorithm::kUnigram;
        spec_.flags = tk::kFuseUnknown | (file_.byte_fallback ? tk::kByteFallback : 0u);
    }

    void read_pieces() {
        for (std::size_t i = 0; i < file_.pieces.size(); ++i) {
            const SentencePieceFile::Piece& piece = file_.pieces[i];
            if (piece.type < 1 || piece.type > 6)
                fail("{}: piece {} has type {}, must be 1 to 6", name_, i, piece.type);
            if (piece.text.empty() || !std::isfinite(piece.score))
                fail("{}: piece {} has no text or no score", name_, i);
            const auto kind = static_cast<tk::PieceKind>(piece.type);
            spec_.pieces.push_back({piece.text, kind, piece.score});
        }
        // What the user defined is better than any other way to make up its text.
        if (spec_.algorithm == tk::Algorithm::kUnigram)
            for (Spec::Piece& piece : spec_.pieces)
                if (piece.kind == tk::PieceKind::kUser)
                    piece.score = kUserScore;
    }

    void read_normalizer() {
        const auto replace = [&](std::string_view pattern, std::string_view with) {
            spec_.normalize.push_back(
                {tk::StepKind::kReplaceRegex, 0, std::string(pattern), std::string(with)});
        };
        std::string pairs;
        if (!file_.charsmap.empty())
            pairs =
                pairs_of_charsmap(file_.charsmap, name_ + ": normalizer_spec.precompiled_charsmap");
        if (!pairs.empty()) {
            // These stay as they are.
            for (const Spec::Piece& piece : spec_.pieces)
                if (piece.kind == tk::PieceKind::kUser)
                    pairs.append(piece.text).append(1, '\0').append(piece.text).append(1, '\0');
            spec_.normalize.push_back({tk::StepKind::kCharMap, 0, std::move(pairs), ""});
        }
        if (file_.remove_extra_whitespaces) {
            replace(R"(\A +|[ \x{2581}]+\z)", "");
            replace(" +", " ");
        }
        if (file_.add_dummy_prefix)
            spec_.normalize.push_back(
                {tk::StepKind::kPrepend, tk::kFirstText, std::string(kMark), ""});
        spec_.normalize.push_back({tk::StepKind::kReplace, 0, " ", std::string(kMark)});
    }

    void read_decoder() {
        spec_.decode.push_back({tk::StepKind::kReplace, 0, std::string(kMark), " "});
        spec_.decode.push_back({tk::StepKind::kByteTokens, 0, "", ""});
        const unsigned dropped = file_.remove_extra_whitespaces ? kAll
                                 : file_.add_dummy_prefix       ? 1
                                                                : 0;
        if (dropped > 0)
            spec_.decode.push_back({tk::StepKind::kStrip, dropped, " ", ""});
    }

    const std::string& name_;
    const SentencePieceFile& file_;
    Spec spec_;
};

// added_tokens.json: {"<|im_end|>": 32000, ...}
void read_added_tokens(const fs::path& path, HfVocabulary& vocabulary) {
    std::error_code ignored;
    if (!fs::exists(path, ignored))
        return;
    const FileBytes file(path);
    const Json json = parse_json_object(file.name(), file.bytes());
    for (const auto& [text, id] : json.items()) {
        const Json token = {{"content", text}, {"id", id}, {"normalized", false}};
        vocabulary.add_token(JsonObject(file.name(), text, token), "id", id);
    }
}

}  // namespace

Spec load_sentencepiece_tokenizer(const fs::path& path) {
    const FileBytes bytes(path);
    Spec spec = Reader(bytes.name(), parse_sentencepiece(bytes.name(), bytes.bytes())).read();
    HfVocabulary vocabulary(spec);
    vocabulary.know_pieces();
    read_added_tokens(path.parent_path() / "added_tokens.json", vocabulary);
    const Json none = Json::object();
    apply_hf_config(path.parent_path(), JsonObject(bytes.name(), "", none), vocabulary, spec,
                    Template::kOfConfig);
    add_turn_ends(spec);
    refuse_what_runtime_would(spec, bytes.name());
    return spec;
}

}  // namespace skald::compiler
