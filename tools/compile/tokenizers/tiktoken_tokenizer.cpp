// SPDX-License-Identifier: MIT
#include "tokenizers/tiktoken_tokenizer.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <unordered_set>

#include "error.hpp"
#include "input/file_bytes.hpp"
#include "input/json.hpp"
#include "tokenizer/byte_level.hpp"
#include "tokenizers/char_map.hpp"
#include "tokenizers/end_of_turn.hpp"
#include "tokenizers/gguf_pre.hpp"
#include "tokenizers/hf_config.hpp"
#include "tokenizers/hf_model.hpp"
#include "tokenizers/rank_merges.hpp"
#include "tokenizers/runtime_check.hpp"

namespace skald::compiler {
namespace {

namespace fs = std::filesystem;
namespace tk = skald::tokenizer;
using Spec = rt::TokenizerSpec;

// Of the 256 that Llama 3 puts behind its ranks; the others are reserved.
struct Special {
    rt::TokenId place;
    std::string_view text;
};
constexpr Special kLlama3[] = {{0, "<|begin_of_text|>"},   {1, "<|end_of_text|>"},
                               {6, "<|start_header_id|>"}, {7, "<|end_header_id|>"},
                               {8, "<|eom_id|>"},          {9, "<|eot_id|>"}};

class Reader {
  public:
    explicit Reader(const FileBytes& file) : file_(file) {}

    Spec read(std::string_view words) {
        read_ranks();
        add_rank_merges(spec_, 0);
        spec_.algorithm = tk::Algorithm::kMergeRanks;
        spec_.flags = tk::kWholeWords;
        for (const std::string_view split : find_gguf_pre(words)->splits)
            spec_.pre_tokenize.push_back(
                {tk::StepKind::kSplit, tk::kIsolated, std::string(split), ""});
        spec_.pre_tokenize.push_back({tk::StepKind::kByteLevel, 0, "", ""});
        spec_.decode.push_back({tk::StepKind::kByteLevel, 0, "", ""});
        return std::move(spec_);
    }

  private:
    [[noreturn]] void reject(std::size_t line, std::string_view what) const {
        fail("{}: line {}: {}", file_.name(), line, what);
    }

    void read_ranks() {
        std::string_view rest = file_.text();
        lines_ = static_cast<std::size_t>(std::ranges::count(rest, '\n')) + 1;
        for (std::size_t line = 1; !rest.empty(); ++line) {
            const std::size_t end = std::min(rest.find('\n'), rest.size());
            std::string_view text = rest.substr(0, end);
            rest.remove_prefix(std::min(end + 1, rest.size()));
            if (text.ends_with('\r'))
                text.remove_suffix(1);
            if (!text.empty())
                read_rank(text, line);
        }
        if (spec_.pieces.empty())
            fail("{}: has no tokens", file_.name());
        for (rt::TokenId id = 0; id < spec_.pieces.size(); ++id)
            if (spec_.pieces[id].text.empty())
                fail("{}: no token has the rank {}", file_.name(), id);
    }

    void read_rank(std::string_view text, std::size_t line) {
        const std::size_t space = text.find(' ');
        std::uint64_t rank = 0;
        const char* const end = text.data() + text.size();
        if (space == std::string_view::npos ||
            std::from_chars(text.data() + space + 1, end, rank).ptr != end ||
            space + 1 == text.size())
            reject(line, "is not the base64 of a token, a space and its rank");
        if (rank >= lines_)
            reject(line, fmt::format("has the rank {}, in a file of {} lines", rank, lines_));
        const std::string bytes = from_base64(std::string(text.substr(0, space)),
                                              fmt::format("{}: line {}", file_.name(), line));
        if (bytes.empty())
            reject(line, "has a token without bytes");
        std::string token = rt::byte_level::encode(bytes);
        if (spec_.pieces.size() <= rank)
            spec_.pieces.resize(rank + 1, {"", tk::PieceKind::kNormal, 0});
        if (!spec_.pieces[rank].text.empty())
            reject(line, fmt::format("has the rank {}, which another token has as well", rank));
        if (!texts_.insert(token).second)
            reject(line, "has a token that another line has as well");
        spec_.pieces[rank].text = std::move(token);
    }

    const FileBytes& file_;
    std::size_t lines_ = 0;
    Spec spec_;
    std::unordered_set<std::string> texts_;
};

void add_llama3(Spec& spec, HfVocabulary& vocabulary) {
    const auto first = static_cast<rt::TokenId>(spec.pieces.size());
    for (const Special& special : kLlama3) {
        const Json token = {{"content", special.text}, {"special", true}};
        vocabulary.add_token(JsonObject("tiktoken", "", token), "content",
                             Json(std::uint64_t{first + special.place}));
    }
    spec.bos_id = first;
    spec.prefix_ids = {first};
}

}  // namespace

Spec load_tiktoken_tokenizer(const fs::path& path) {
    const FileBytes file(path);
    const bool kimi = path.filename() == "tiktoken.model";
    Spec spec = Reader(file).read(kimi ? "kimi-k2" : "llama-bpe");
    HfVocabulary vocabulary(spec);
    vocabulary.know_pieces();
    std::error_code ignored;
    if (!kimi && !fs::exists(path.parent_path() / "tokenizer_config.json", ignored))
        add_llama3(spec, vocabulary);
    const Json none = Json::object();
    apply_hf_config(path.parent_path(), JsonObject(file.name(), "", none), vocabulary, spec,
                    kimi ? Template::kOfFile : Template::kOfConfig);
    add_turn_ends(spec);
    refuse_what_runtime_would(spec, file.name());
    return spec;
}

}  // namespace skald::compiler
