// SPDX-License-Identifier: MIT
#include "tokenizers/gguf_tokenizer.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <unordered_map>

#include "error.hpp"
#include "tokenizers/char_map.hpp"
#include "tokenizers/end_of_turn.hpp"
#include "tokenizers/gguf_pre.hpp"
#include "tokenizers/runtime_check.hpp"

namespace skald::compiler {
namespace {

namespace tk = skald::tokenizer;
using Spec = rt::TokenizerSpec;

constexpr std::string_view kMark = "\xE2\x96\x81";  // U+2581 stands for a space

class Reader {
  public:
    explicit Reader(const Gguf& gguf) : gguf_(gguf) {}

    Spec read() {
        const std::string& model = gguf_.string("tokenizer.ggml.model");
        if (model == "llama") {
            read_pieces(true);
            read_scored();
        } else if (model == "t5") {
            read_pieces(true);
            read_unigram();
        } else if (model == "gpt2") {
            read_pieces(false);
            read_byte_level();
        } else if (model == "gemma4") {
            read_pieces(false);
            read_marked();
        } else {
            fail("{}: tokenizer model {} is not supported; llama, gpt2, gemma4 and t5 are",
                 gguf_.file(), model);
        }
        for (const char* name : {"add_sep_token", "treat_whitespace_as_suffix"})
            if (gguf_.maybe_bool(key(name)).value_or(false))
                gguf_.reject(key(name), "is not supported");
        read_special();
        return std::move(spec_);
    }

  private:
    static std::string key(std::string_view name) { return fmt::format("tokenizer.ggml.{}", name); }

    // One number for each token, if the file has them.
    const std::vector<double>* per_token(std::string_view name) const {
        const auto* list = gguf_.maybe_numbers(key(name));
        if (list && list->size() != spec_.pieces.size())
            gguf_.reject(key(name), fmt::format("has {} entries for {} tokens", list->size(),
                                                spec_.pieces.size()));
        return list;
    }

    void read_pieces(bool scored) {
        for (const std::string& text : gguf_.strings(key("tokens")))
            spec_.pieces.push_back({text, tk::PieceKind::kNormal, 0});
        if (const auto* types = per_token("token_type")) {
            for (std::size_t i = 0; i < types->size(); ++i)
                spec_.pieces[i].kind = kind_of((*types)[i], i);
        }
        if (!scored)
            return;
        const auto* scores = per_token("scores");
        if (!scores)
            gguf_.reject(key("scores"), "is missing");
        for (std::size_t i = 0; i < scores->size(); ++i)
            spec_.pieces[i].score = static_cast<float>((*scores)[i]);
    }

    // Without a type (0) a token is text, as with none of the list.
    tk::PieceKind kind_of(double type, std::size_t token) const {
        if (type == 0)
            return tk::PieceKind::kNormal;
        if (type != 1 && type != 2 && type != 3 && type != 4 && type != 5 && type != 6)
            gguf_.reject(key("token_type"),
                         fmt::format("of token {} is {}, must be 0 to 6", token, type));
        return static_cast<tk::PieceKind>(static_cast<int>(type));
    }

    // Normalise and decode steps of vocabularies in which U+2581 stands for a space.
    void mark_spaces(bool prefix) {
        spec_.normalize.push_back({tk::StepKind::kReplace, 0, " ", std::string(kMark)});
        spec_.decode.push_back({tk::StepKind::kReplace, 0, std::string(kMark), " "});
        spec_.decode.push_back({tk::StepKind::kByteTokens, 0, "", ""});
        if (prefix)
            spec_.decode.push_back({tk::StepKind::kStrip, 1, " ", ""});
    }

    void read_scored() {
        spec_.algorithm = tk::Algorithm::kMergeScores;
        spec_.flags = tk::kByteFallback;
        const bool prefix = gguf_.maybe_bool(key("add_space_prefix")).value_or(true);
        if (prefix)
            spec_.normalize.push_back({tk::StepKind::kPrepend, 0, std::string(kMark), ""});
        mark_spaces(prefix);
        adds_bos_ = true;
    }

    // SentencePiece's rules for white space, then pieces by the best sum of scores.
    void read_unigram() {
        spec_.algorithm = tk::Algorithm::kUnigram;
        spec_.flags = tk::kFuseUnknown;
        for (Spec::Piece& piece : spec_.pieces) {
            if (piece.kind == tk::PieceKind::kUnused)  // text all the same
                piece.kind = tk::PieceKind::kNormal;
            if (piece.kind == tk::PieceKind::kUser)
                piece.score = 0;
        }
        read_charsmap();
        const auto replace = [&](std::string_view pattern, std::string_view with) {
            spec_.normalize.push_back(
                {tk::StepKind::kReplaceRegex, 0, std::string(pattern), std::string(with)});
        };
        const bool prefix = gguf_.maybe_bool(key("add_space_prefix")).value_or(true);
        if (gguf_.maybe_bool(key("remove_extra_whitespaces")).value_or(false)) {
            replace(R"(\A +| +\z)", "");
            replace(" +", " ");
            replace(R"(\A(?=.))", " ");
        } else if (prefix) {
            replace(R"(\A(?= *[^ ]))", " ");
        }
        mark_spaces(prefix);
        default_eos_ = 1;
        default_unknown_ = 2;
    }

    void read_charsmap() {
        const auto* numbers = gguf_.maybe_numbers(key("precompiled_charsmap"));
        if (!numbers || numbers->empty())
            return;
        std::vector<std::byte> bytes;
        bytes.reserve(numbers->size());
        for (const double number : *numbers) {
            if (number != std::floor(number) || number < -128 || number > 255)
                gguf_.reject(key("precompiled_charsmap"), "is not a list of bytes");
            bytes.push_back(static_cast<std::byte>(static_cast<int>(number)));
        }
        std::string pairs = pairs_of_charsmap(
            bytes, fmt::format("{}: {}", gguf_.file(), key("precompiled_charsmap")));
        if (!pairs.empty())
            spec_.normalize.push_back({tk::StepKind::kCharMap, 0, std::move(pairs), ""});
    }

    void read_byte_level() {
        spec_.algorithm = tk::Algorithm::kMergeRanks;
        const std::string* name = gguf_.maybe_string(key("pre"));
        if (!name)
            spec_.remarks.push_back(fmt::format(
                "{}: {} is missing; texts are cut into words as \"default\" does, which "
                "few models were trained with",
                gguf_.file(), key("pre")));
        const std::string wanted = name ? *name : "default";
        const GgufPre* pre = find_gguf_pre(wanted);
        if (!pre)
            gguf_.reject(key("pre"),
                         fmt::format("names the pre-tokenizer {}, which is not supported", wanted));
        for (const std::string_view split : pre->splits)
            spec_.pre_tokenize.push_back(
                {tk::StepKind::kSplit, tk::kIsolated, std::string(split), ""});
        spec_.pre_tokenize.push_back({tk::StepKind::kByteLevel, 0, "", ""});
        spec_.decode.push_back({tk::StepKind::kByteLevel, 0, "", ""});
        if (pre->whole_words)
            spec_.flags |= tk::kWholeWords;
        adds_bos_ = pre->adds_bos;
        read_merges();
    }

    // Merges of marked text instead of bytes; runs of line breaks, which no merge makes, are pieces
    // by themselves.
    void read_marked() {
        spec_.algorithm = tk::Algorithm::kMergeRanks;
        spec_.flags = tk::kByteFallback;
        spec_.pre_tokenize.push_back({tk::StepKind::kSplit, tk::kIsolated, R"([^\n]+|[\n]+)", ""});
        mark_spaces(false);
        for (Spec::Piece& piece : spec_.pieces) {
            if (rt::byte_of_piece(piece.text) >= 0)
                piece.kind = tk::PieceKind::kByte;
            if (piece.kind == tk::PieceKind::kNormal && piece.text.size() > 1 &&
                piece.text.find_first_not_of('\n') == std::string::npos)
                piece.kind = tk::PieceKind::kUser;
        }
        adds_bos_ = true;
        read_merges();
    }

    void read_merges() {
        std::unordered_map<std::string_view, rt::TokenId> ids;
        for (rt::TokenId id = 0; id < spec_.pieces.size(); ++id)
            ids.emplace(spec_.pieces[id].text, id);
        const auto& merges = gguf_.strings(key("merges"));
        for (std::size_t i = 0; i < merges.size(); ++i) {
            const std::string& merge = merges[i];
            const std::size_t space = merge.find(' ', 1);  // no piece is empty
            const auto id_of = [&](const std::string& text) {
                const auto it = ids.find(text);
                if (it == ids.end())
                    gguf_.reject(key("merges"),
                                 fmt::format("entry {} needs the token \"{}\", which is not there",
                                             i, text));
                return it->second;
            };
            if (space == std::string::npos || space + 1 == merge.size())
                gguf_.reject(key("merges"), fmt::format("entry {} is not a pair of tokens", i));
            const std::string left = merge.substr(0, space), right = merge.substr(space + 1);
            spec_.merges.push_back({id_of(left), id_of(right), id_of(left + right)});
        }
    }

    std::optional<rt::TokenId> token_id(std::string_view name) const {
        const auto id = gguf_.maybe_uint(key(name));
        if (id && *id >= spec_.pieces.size())
            gguf_.reject(key(name),
                         fmt::format("is {}, there are {} tokens", *id, spec_.pieces.size()));
        return id ? std::optional(static_cast<rt::TokenId>(*id)) : std::nullopt;
    }

    void read_special() {
        if (const auto bos = token_id("bos_token_id"))
            spec_.bos_id = *bos;
        if (const auto unknown = token_id("unknown_token_id"))
            spec_.unknown_id = *unknown;
        else if (default_unknown_ < spec_.pieces.size())
            spec_.unknown_id = default_unknown_;
        read_ends();
        read_added();
        if (gguf_.maybe_bool(key("add_bos_token")).value_or(adds_bos_)) {
            if (spec_.bos_id == tk::kNoToken)
                gguf_.reject(key("bos_token_id"), "is missing, and texts are to begin with it");
            spec_.prefix_ids.push_back(spec_.bos_id);
        }
        // add_eos_token asks for the end of a generation behind every text: a prompt goes on
        // without it.
    }

    // All that the file names, then all tokens that are known to end a turn. Those are no text,
    // whatever type the file gives them.
    void read_ends() {
        for (const char* name : {"eos_token_id", "eot_token_id", "eom_token_id"})
            if (const auto id = token_id(name))
                add_end(spec_, *id);
        if (spec_.eos_ids.empty() && default_eos_ < spec_.pieces.size())
            add_end(spec_, default_eos_);
        add_turn_ends(spec_);
        for (const rt::TokenId id : spec_.eos_ids)
            if (is_unmistakable(spec_.pieces[id].text))
                spec_.pieces[id].kind = tk::PieceKind::kControl;
    }

    void read_added() {
        for (rt::TokenId id = 0; id < spec_.pieces.size(); ++id) {
            const Spec::Piece& piece = spec_.pieces[id];
            const bool control =
                piece.kind == tk::PieceKind::kControl || piece.kind == tk::PieceKind::kUnknown;
            if ((!control && piece.kind != tk::PieceKind::kUser) || piece.text.empty())
                continue;
            spec_.added.push_back({id, (control ? tk::kSpecial : 0u) | strip_flags(piece.text)});
            if (piece.kind == tk::PieceKind::kUnknown && spec_.unknown_id == tk::kNoToken)
                spec_.unknown_id = id;
        }
    }

    // The file has no place for it: special tokens of Phi-3 take white space behind them along.
    std::uint32_t strip_flags(std::string_view text) const {
        const std::string* named = gguf_.maybe_string("general.name");
        std::string name = named ? *named : "";
        std::ranges::transform(name, name.begin(), [](char c) {
            return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
        });
        const bool phi3 = name.find("phi-3") != name.npos || name.find("phi3") != name.npos;
        const bool keeps = text == "<unk>" || text == "<s>" || text == "<|endoftext|>";
        return phi3 && !keeps ? std::uint32_t{tk::kStripRight} : 0u;
    }

    const Gguf& gguf_;
    Spec spec_;
    bool adds_bos_ = false;
    rt::TokenId default_eos_ = tk::kNoToken, default_unknown_ = tk::kNoToken;
};

}  // namespace

rt::TokenizerSpec load_gguf_tokenizer(const Gguf& gguf) {
    Spec spec = Reader(gguf).read();
    refuse_what_runtime_would(spec, gguf.file());
    return spec;
}

}  // namespace skald::compiler
