// SPDX-License-Identifier: MIT
#include "tokenizers/tekken_tokenizer.hpp"

#include <sodium.h>

#include <array>
#include <charconv>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "error.hpp"
#include "input/file_bytes.hpp"
#include "input/json.hpp"
#include "tokenizer/byte_level.hpp"
#include "tokenizer/regex.hpp"
#include "tokenizers/end_of_turn.hpp"
#include "tokenizers/rank_merges.hpp"
#include "tokenizers/runtime_check.hpp"

namespace skald::compiler {
namespace {

namespace tk = skald::tokenizer;
using Spec = rt::TokenizerSpec;

constexpr std::uint64_t kMaxVocabulary = 1u << 24;
constexpr std::uint64_t kMaxSpecials = 1u << 16;  // files have 1,000

// What files up to version 7 leave out, in the order of their ids.
constexpr std::array<std::string_view, 20> kOldSpecialTokens{"<unk>",
                                                             "<s>",
                                                             "</s>",
                                                             "[INST]",
                                                             "[/INST]",
                                                             "[AVAILABLE_TOOLS]",
                                                             "[/AVAILABLE_TOOLS]",
                                                             "[TOOL_RESULTS]",
                                                             "[/TOOL_RESULTS]",
                                                             "[TOOL_CALLS]",
                                                             "[IMG]",
                                                             "<pad>",
                                                             "[IMG_BREAK]",
                                                             "[IMG_END]",
                                                             "[PREFIX]",
                                                             "[MIDDLE]",
                                                             "[SUFFIX]",
                                                             "[SYSTEM_PROMPT]",
                                                             "[/SYSTEM_PROMPT]",
                                                             "[TOOL_CONTENT]"};
constexpr unsigned kLastVersionWithoutThem = 7;

class Reader {
  public:
    explicit Reader(const JsonObject& file) : file_(file), config_(file.object("config")) {}

    Spec read() {
        read_sizes();
        read_special();
        read_vocabulary();
        add_rank_merges(spec_, specials_);
        spec_.algorithm = tk::Algorithm::kMergeRanks;
        spec_.flags = tk::kWholeWords;
        spec_.pre_tokenize.push_back({tk::StepKind::kSplit, tk::kIsolated, pattern(), ""});
        spec_.pre_tokenize.push_back({tk::StepKind::kByteLevel, 0, "", ""});
        spec_.decode.push_back({tk::StepKind::kByteLevel, 0, "", ""});
        spec_.bos_id = special("<s>");
        spec_.prefix_ids.push_back(spec_.bos_id);
        add_end(spec_, special("</s>"));
        return std::move(spec_);
    }

  private:
    void read_sizes() {
        const std::uint64_t all = config_.uint("default_vocab_size");
        const std::uint64_t specials = config_.uint("default_num_special_tokens");
        if (all >= kMaxVocabulary)
            config_.reject("default_vocab_size", "must be below 2^24");
        if (specials > kMaxSpecials)
            config_.reject("default_num_special_tokens",
                           fmt::format("must be {} or less", kMaxSpecials));
        if (specials >= all)
            config_.reject("default_num_special_tokens", "must be below default_vocab_size");
        if (const std::size_t there = file_.array("vocab").size(); there < all - specials)
            file_.reject("vocab", fmt::format("has {} of the {} tokens that its config wants",
                                              there, all - specials));
        spec_.pieces.resize(all, {"", tk::PieceKind::kUnused, 0});
        specials_ = static_cast<rt::TokenId>(specials);
    }

    std::string pattern() const {
        std::string text = config_.string("pattern");
        try {
            const rt::Regex compiled(text);
        } catch (const rt::TokenizerError& e) {
            config_.reject("pattern", fmt::format("cannot be used: {}", e.what()));
        }
        return text;
    }

    // "v3", "v11"
    unsigned version() const {
        const std::string text = config_.string("version");
        unsigned number = 0;
        const char* const end = text.data() + text.size();
        if (!text.starts_with('v') || std::from_chars(text.data() + 1, end, number).ptr != end ||
            number == 0)
            config_.reject("version", fmt::format("is \"{}\", not v and a number", text));
        return number;
    }

    void put_special(rt::TokenId id, std::string text, bool control) {
        spec_.pieces[id] = {std::move(text),
                            control ? tk::PieceKind::kControl : tk::PieceKind::kUser, 0};
        spec_.added.push_back({id, control ? tk::kSpecial : 0u});
    }

    void read_special() {
        const bool has_them = file_.has("special_tokens");
        if (!has_them) {
            if (version() > kLastVersionWithoutThem)
                file_.reject("special_tokens", "is missing");
            if (specials_ < kOldSpecialTokens.size())
                config_.reject("default_num_special_tokens",
                               fmt::format("is {}, below the {} that such a file stands for",
                                           specials_, kOldSpecialTokens.size()));
            for (rt::TokenId id = 0; id < kOldSpecialTokens.size(); ++id)
                put_special(id, std::string(kOldSpecialTokens[id]), true);
        }
        for (const JsonObject& token : file_.objects("special_tokens")) {
            const std::uint64_t rank = token.uint("rank");
            if (rank >= specials_)
                token.reject("rank",
                             fmt::format("is {}, there are {} special tokens", rank, specials_));
            const auto id = static_cast<rt::TokenId>(rank);
            if (spec_.pieces[id].kind != tk::PieceKind::kUnused)
                token.reject("rank", "is that of another special token as well");
            std::string text = token.string("token_str");
            if (text.empty())
                token.reject("token_str", "is empty");
            put_special(id, std::move(text), token.maybe_bool("is_control").value_or(true));
        }
        for (rt::TokenId id = 0; id < specials_; ++id)
            if (spec_.pieces[id].kind == tk::PieceKind::kUnused)
                put_special(id, fmt::format("<SPECIAL_{}>", id), true);
    }

    std::string bytes_of(const JsonObject& token) const {
        const std::string text = token.string("token_bytes");
        std::string bytes(text.size(), '\0');
        std::size_t size = 0;
        if (::sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(),
                                text.data(), text.size(), nullptr, &size, nullptr,
                                sodium_base64_VARIANT_ORIGINAL) != 0 ||
            size == 0)
            token.reject("token_bytes", "is not base64 of a byte or more");
        bytes.resize(size);
        return bytes;
    }

    void read_vocabulary() {
        const std::size_t wanted = spec_.pieces.size() - specials_;
        std::size_t found = 0;
        for (const JsonObject& token : file_.objects("vocab")) {
            const std::uint64_t rank = token.uint("rank");
            if (rank >= wanted)  // the file may have more than the model has rows
                continue;
            Spec::Piece& piece = spec_.pieces[specials_ + rank];
            if (piece.kind != tk::PieceKind::kUnused)
                token.reject("rank", "is that of another token as well");
            piece = {rt::byte_level::encode(bytes_of(token)), tk::PieceKind::kNormal, 0};
            if (!texts_.insert(piece.text).second)
                token.reject("token_bytes", "are those of another token as well");
            ++found;
        }
        if (found != wanted)
            file_.reject("vocab", fmt::format("has {} of the {} tokens that its config wants",
                                              found, wanted));
    }

    rt::TokenId special(std::string_view text) const {
        for (rt::TokenId id = 0; id < specials_; ++id)
            if (spec_.pieces[id].text == text)
                return id;
        file_.reject("special_tokens", fmt::format("has no {}", text));
    }

    const JsonObject& file_;
    JsonObject config_;
    Spec spec_;
    rt::TokenId specials_ = 0;
    std::unordered_set<std::string_view> texts_;  // of the vocabulary
};

}  // namespace

rt::TokenizerSpec load_tekken_tokenizer(const std::filesystem::path& path) {
    const FileBytes file(path);
    const Json json = parse_json_object(file.name(), file.bytes());
    const JsonObject object(file.name(), "", json);
    Spec spec = Reader(object).read();
    refuse_what_runtime_would(spec, file.name());
    return spec;
}

}  // namespace skald::compiler
