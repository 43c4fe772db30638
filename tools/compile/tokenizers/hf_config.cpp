// SPDX-License-Identifier: MIT
#include "tokenizers/hf_config.hpp"

#include <algorithm>
#include <charconv>

#include "error.hpp"
#include "input/file_bytes.hpp"
#include "tokenizers/end_of_turn.hpp"

namespace skald::compiler {
namespace {

namespace fs = std::filesystem;
namespace tk = skald::tokenizer;

// Classes of transformers that make the template themselves, from add_bos_token (true unless said)
// and add_eos_token, whatever the tokenizer.json has; and the names these tokens have with them.
struct OwnTemplate {
    std::string_view name, bos, eos;
};
constexpr OwnTemplate kOwnTemplates[] = {
    {"Llama", "<s>", "</s>"},
    {"CodeLlama", "<s>", "</s>"},
    {"Gemma", "<bos>", "<eos>"},
    {"Cohere", "<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>"},
};

// nullptr: the class leaves the template alone.
const OwnTemplate* own_template(std::string_view name) {
    for (const std::string_view ending : {"Fast", "Tokenizer"})
        if (name.ends_with(ending))
            name.remove_suffix(ending.size());
    const auto* found = std::ranges::find(kOwnTemplates, name, &OwnTemplate::name);
    return found == std::end(kOwnTemplates) ? nullptr : found;
}

class Config {
  public:
    Config(const JsonObject& file, HfVocabulary& vocabulary, rt::TokenizerSpec& spec,
           Template which)
        : file_(file), vocabulary_(vocabulary), spec_(spec), template_(which) {}

    void read_map(const JsonObject& map) {
        bos_ = token(map, "bos_token").value_or(bos_);
        eos_ = token(map, "eos_token").value_or(eos_);
    }

    void read_config(const JsonObject& config) {
        const OwnTemplate* own = own_template(config.maybe_string("tokenizer_class").value_or(""));
        if (own && bos_.empty())
            bos_ = own->bos;
        if (own && eos_.empty())
            eos_ = own->eos;
        read_map(config);
        read_added_tokens(config);
        for (const std::string& text : {bos_, eos_})
            vocabulary_.add_special(text, HfVocabulary::Added::kBecomes);
        for (const char* key : {"additional_special_tokens", "extra_special_tokens"})
            if (const Json* list = config.find(key); list && list->is_array())
                for (const Json& entry : *list)
                    if (const auto text = text_of(entry))
                        vocabulary_.add_special(*text, listed());
        if (own || template_ == Template::kOfConfig)
            replace_template(config);
        add_prefix_space(config);
    }

    void finish() {
        if (const rt::TokenId eos = vocabulary_.find(eos_); eos != tk::kNoToken)
            add_end(spec_, eos);
    }

  private:
    // added_tokens.json says nothing of its tokens, tokenizer.json does.
    HfVocabulary::Added listed() const {
        return template_ == Template::kOfConfig ? HfVocabulary::Added::kBecomes
                                                : HfVocabulary::Added::kStays;
    }

    // "text", or {"content": "text", ...}
    static std::optional<std::string> text_of(const Json& entry) {
        if (entry.is_string())
            return entry.get<std::string>();
        if (!entry.is_object() || !entry.contains("content") || !entry["content"].is_string())
            return std::nullopt;
        return entry["content"].get<std::string>();
    }

    static std::optional<std::string> token(const JsonObject& from, std::string_view key) {
        const Json* entry = from.has(key) ? from.find(key) : nullptr;
        if (!entry)
            return std::nullopt;
        auto text = text_of(*entry);
        if (!text)
            from.reject(key, "is not the text of a token");
        return text;
    }

    // {"128009": {"content": ...}, ...}
    void read_added_tokens(const JsonObject& config) {
        const auto decoder = config.maybe_object("added_tokens_decoder");
        if (!decoder)
            return;
        for (const auto& [key, entry] : decoder->json().items()) {
            std::uint64_t id = 0;
            const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
            if (error != std::errc() || end != key.data() + key.size())
                decoder->reject(key, "is not a token id");
            const JsonObject token(config.file(), decoder->path_of(key), entry);
            vocabulary_.add_token(token, "content", Json(id));
        }
    }

    void replace_template(const JsonObject& config) {
        const rt::TokenId bos = bos_.empty() ? spec_.bos_id : vocabulary_.find(bos_);
        spec_.prefix_ids.clear();
        spec_.suffix_ids.clear();
        spec_.bos_id = tk::kNoToken;
        // What add_eos_token puts behind a text ends a generation: a prompt goes on without it.
        if (!config.maybe_bool("add_bos_token").value_or(true))
            return;
        if (bos == tk::kNoToken && bos_.empty())
            return;
        if (bos == tk::kNoToken)
            config.reject("bos_token",
                          fmt::format("(\"{}\") is not in the vocabulary, and texts are to begin "
                                      "with it",
                                      bos_));
        spec_.prefix_ids.push_back(bos);
        spec_.bos_id = bos;
    }

    // transformers sets what a byte-level pre-tokenizer does to the configuration's value, unless
    // it is one of a sequence.
    void add_prefix_space(const JsonObject& config) {
        const auto wanted = config.maybe_bool("add_prefix_space");
        const auto kind = file_.maybe_object("pre_tokenizer");
        if (!wanted || !kind || kind->maybe_string("type") != "ByteLevel")
            return;
        auto& steps = spec_.pre_tokenize;
        const bool has = steps.front().kind == tk::StepKind::kMetaspace;
        if (has && !*wanted)
            steps.erase(steps.begin());
        else if (!has && *wanted)
            steps.insert(steps.begin(), {tk::StepKind::kMetaspace, tk::kPrependAlways, " ", ""});
    }

    const JsonObject& file_;
    HfVocabulary& vocabulary_;
    rt::TokenizerSpec& spec_;
    Template template_;
    std::string bos_, eos_;
};

}  // namespace

void apply_hf_config(const fs::path& folder, const JsonObject& file, HfVocabulary& vocabulary,
                     rt::TokenizerSpec& spec, Template which) {
    Config config(file, vocabulary, spec, which);
    const auto with = [&](const char* name, auto read) {
        std::error_code ignored;
        if (!fs::exists(folder / name, ignored))
            return;
        const FileBytes mapped(folder / name);
        const Json json = parse_json_object(mapped.name(), mapped.bytes());
        read(JsonObject(mapped.name(), "", json));
    };
    with("special_tokens_map.json", [&](const JsonObject& map) { config.read_map(map); });
    with("tokenizer_config.json", [&](const JsonObject& object) { config.read_config(object); });
    config.finish();
}

}  // namespace skald::compiler
