// SPDX-License-Identifier: MIT
#include "tokenizers/gguf_tokenizer.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "error.hpp"
#include "tokenizers/patterns.hpp"

namespace skald::compiler {
namespace {

namespace tk = skald::tokenizer;
using Spec = rt::TokenizerSpec;

constexpr std::string_view kMark = "\xE2\x96\x81";  // U+2581 stands for a space

// How files name their way of cutting text into words.
struct Pre {
    std::string_view name;
    std::array<std::string_view, 4> splits;
    bool adds_bos, whole_words;
};
constexpr Pre kPres[] = {
    {"default",
     {patterns::kPunctuation, patterns::kGpt2, patterns::kDigits, patterns::kThreeDigits},
     false,
     false},
    {"gpt-2", {patterns::kGpt2}, false, false},
    {"llama3", {patterns::kLlama3}, true, true},
    {"llama-v3", {patterns::kLlama3}, true, true},
    {"llama-bpe", {patterns::kLlama3}, true, true},
    {"tekken", {patterns::kTekken}, true, true},
    {"smollm", {patterns::kDigit, patterns::kGpt2}, false, false},
    {"starcoder", {patterns::kDigit, patterns::kGpt2}, false, false},
    {"refact", {patterns::kDigit, patterns::kGpt2}, false, false},
    {"command-r", {patterns::kDigit, patterns::kGpt2}, false, false},
};

// Tokens by which instruction-tuned models end their turn, should the file not say so itself.
constexpr std::string_view kTurnEnds[] = {"<|eot_id|>", "<|eom_id|>", "<|im_end|>",
                                          "<|end_of_turn|>"};

class Reader {
  public:
    explicit Reader(const Gguf& gguf) : gguf_(gguf) {}

    Spec read() {
        const std::string& model = gguf_.string("tokenizer.ggml.model");
        if (model != "llama" && model != "gpt2")
            fail("{}: tokenizer model {} is not supported; llama and gpt2 are", gguf_.file(),
                 model);
        read_pieces(model == "llama");
        if (model == "llama")
            read_scored();
        else
            read_merged();
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
            for (std::size_t i = 0; i < types->size(); ++i) {
                const double type = (*types)[i];
                if (type != 1 && type != 2 && type != 3 && type != 4 && type != 5 && type != 6)
                    gguf_.reject(key("token_type"),
                                 fmt::format("of token {} is {}, must be 1 to 6", i, type));
                spec_.pieces[i].kind = static_cast<tk::PieceKind>(static_cast<int>(type));
            }
        }
        if (!scored)
            return;
        const auto* scores = per_token("scores");
        if (!scores)
            gguf_.reject(key("scores"), "is missing");
        for (std::size_t i = 0; i < scores->size(); ++i)
            spec_.pieces[i].score = static_cast<float>((*scores)[i]);
    }

    void read_scored() {
        spec_.algorithm = tk::Algorithm::kMergeScores;
        spec_.flags = tk::kByteFallback;
        const bool prefix = gguf_.maybe_bool(key("add_space_prefix")).value_or(true);
        if (prefix)
            spec_.normalize.push_back({tk::StepKind::kPrepend, 0, std::string(kMark), ""});
        spec_.normalize.push_back({tk::StepKind::kReplace, 0, " ", std::string(kMark)});
        spec_.decode.push_back({tk::StepKind::kReplace, 0, std::string(kMark), " "});
        spec_.decode.push_back({tk::StepKind::kByteTokens, 0, "", ""});
        if (prefix)
            spec_.decode.push_back({tk::StepKind::kStrip, 1, " ", ""});
        adds_bos_ = true;
    }

    void read_merged() {
        spec_.algorithm = tk::Algorithm::kMergeRanks;
        const std::string* name = gguf_.maybe_string(key("pre"));
        const std::string wanted = name ? *name : "default";
        const Pre* pre = std::find_if(std::begin(kPres), std::end(kPres),
                                      [&](const Pre& p) { return p.name == wanted; });
        if (pre == std::end(kPres))
            fail("{}: pre-tokenizer {} is not supported", gguf_.file(), wanted);
        for (std::string_view split : pre->splits)
            if (!split.empty())
                spec_.pre_tokenize.push_back(
                    {tk::StepKind::kSplit, tk::kIsolated, std::string(split), ""});
        spec_.pre_tokenize.push_back({tk::StepKind::kByteLevel, 0, "", ""});
        spec_.decode.push_back({tk::StepKind::kByteLevel, 0, "", ""});
        if (pre->whole_words)
            spec_.flags |= tk::kWholeWords;
        adds_bos_ = pre->adds_bos;
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

    void add_eos(rt::TokenId id) {
        if (std::find(spec_.eos_ids.begin(), spec_.eos_ids.end(), id) == spec_.eos_ids.end())
            spec_.eos_ids.push_back(id);
    }

    void read_special() {
        if (const auto bos = token_id("bos_token_id"))
            spec_.bos_id = *bos;
        if (const auto unknown = token_id("unknown_token_id"))
            spec_.unknown_id = *unknown;
        for (const char* name : {"eos_token_id", "eot_token_id", "eom_token_id"})
            if (const auto id = token_id(name))
                add_eos(*id);
        const auto eos = token_id("eos_token_id");
        for (rt::TokenId id = 0; id < spec_.pieces.size(); ++id) {
            const Spec::Piece& piece = spec_.pieces[id];
            const bool control =
                piece.kind == tk::PieceKind::kControl || piece.kind == tk::PieceKind::kUnknown;
            if ((!control && piece.kind != tk::PieceKind::kUser) || piece.text.empty())
                continue;
            spec_.added.push_back({id, control ? tk::kSpecial : 0u});
            if (piece.kind == tk::PieceKind::kUnknown && spec_.unknown_id == tk::kNoToken)
                spec_.unknown_id = id;
            if (std::find(std::begin(kTurnEnds), std::end(kTurnEnds), piece.text) !=
                std::end(kTurnEnds))
                add_eos(id);
        }
        if (gguf_.maybe_bool(key("add_bos_token")).value_or(adds_bos_)) {
            if (spec_.bos_id == tk::kNoToken)
                gguf_.reject(key("bos_token_id"), "is missing, and texts are to begin with it");
            spec_.prefix_ids.push_back(spec_.bos_id);
        }
        if (gguf_.maybe_bool(key("add_eos_token")).value_or(false)) {
            if (!eos)
                gguf_.reject(key("eos_token_id"), "is missing, and texts are to end with it");
            spec_.suffix_ids.push_back(*eos);
        }
    }

    const Gguf& gguf_;
    Spec spec_;
    bool adds_bos_ = false;
};

}  // namespace

rt::TokenizerSpec load_gguf_tokenizer(const Gguf& gguf) {
    Spec spec = Reader(gguf).read();
    try {
        rt::serialize(spec);  // what the runtime would refuse is refused here, with the file's name
    } catch (const rt::TokenizerError& e) {
        fail("{}: {}", gguf.file(), e.what());
    }
    return spec;
}

}  // namespace skald::compiler
