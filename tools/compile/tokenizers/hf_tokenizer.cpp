// SPDX-License-Identifier: MIT
#include "tokenizers/hf_tokenizer.hpp"

#include <unordered_map>

#include "error.hpp"
#include "input/json.hpp"
#include "input/mapped_file.hpp"
#include "tokenizers/hf_steps.hpp"

namespace skald::compiler {
namespace {

namespace tk = skald::tokenizer;
using Spec = rt::TokenizerSpec;

constexpr std::uint64_t kMaxVocabulary = 1u << 24;

class Reader {
  public:
    explicit Reader(const JsonObject& file) : file_(file) {}

    Spec read() {
        read_model();
        read_added_tokens();
        read_hf_normalizer(file_, spec_.normalize);
        read_hf_pre_tokenizer(file_, spec_.pre_tokenize);
        read_hf_decoder(file_, spec_.decode);
        read_post_processor();
        return std::move(spec_);
    }

  private:
    // Makes room for the piece; ids may come in any order, holes stay unused.
    Spec::Piece& piece(const JsonObject& where, std::string_view key, const Json& id) {
        if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= kMaxVocabulary)
            where.reject(key, "must be a token id below 2^24");
        const auto index = id.get<std::size_t>();
        while (spec_.pieces.size() <= index)
            spec_.pieces.push_back({"", tk::PieceKind::kUnused, 0});
        return spec_.pieces[index];
    }

    void read_model() {
        const JsonObject model = file_.object("model");
        const std::string type = model.maybe_string("type").value_or("BPE");
        if (type != "BPE")
            fail("{}: tokenizer model {} is not supported, BPE is", file_.file(), type);
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
        for (const auto& [text, id] : vocabulary.json().items()) {
            Spec::Piece& p = piece(vocabulary, text, id);
            if (p.kind != tk::PieceKind::kUnused)
                vocabulary.reject(text, "has an id that another token has as well");
            const bool byte =
                (spec_.flags & tk::kByteFallback) != 0 && rt::byte_of_piece(text) >= 0;
            p = {text, byte ? tk::PieceKind::kByte : tk::PieceKind::kNormal, 0};
            ids_[text] = id.get<rt::TokenId>();
        }
        read_merges(model);
        if (const auto unknown = model.maybe_string("unk_token"))
            spec_.unknown_id = id_of(model, "unk_token", *unknown);
    }

    void read_merges(const JsonObject& model) {
        for (const Json& merge : model.array("merges")) {
            std::string left, right;
            if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
                merge[1].is_string()) {
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

    rt::TokenId id_of(const JsonObject& where, std::string_view key,
                      const std::string& text) const {
        const auto it = ids_.find(text);
        if (it == ids_.end())
            where.reject(key, fmt::format("names \"{}\", which is not in the vocabulary", text));
        return it->second;
    }

    void read_added_tokens() {
        const Json* list = file_.maybe_array("added_tokens");
        if (!list)
            return;
        for (std::size_t i = 0; i < list->size(); ++i) {
            const JsonObject token(file_.file(), fmt::format("added_tokens[{}]", i), (*list)[i]);
            const std::string text = token.string("content");
            if (text.empty())
                token.reject("content", "is empty");
            if (!token.has("id"))
                token.reject("id", "is missing");
            Spec::Piece& p = piece(token, "id", *token.find("id"));
            const auto id = token.find("id")->get<rt::TokenId>();
            if (p.kind != tk::PieceKind::kUnused && p.text != text)
                token.reject("id", fmt::format("is the id of \"{}\" in the vocabulary", p.text));
            const bool special = token.maybe_bool("special").value_or(false);
            if (token.maybe_bool("single_word").value_or(false))
                token.reject("single_word", "is not supported");
            p = {text, special ? tk::PieceKind::kControl : tk::PieceKind::kUser, 0};
            ids_[text] = id;
            std::uint32_t flags = special ? tk::kSpecial : 0u;
            if (token.maybe_bool("normalized").value_or(!special))
                flags |= tk::kNormalized;
            if (token.maybe_bool("lstrip").value_or(false))
                flags |= tk::kStripLeft;
            if (token.maybe_bool("rstrip").value_or(false))
                flags |= tk::kStripRight;
            spec_.added.push_back({id, flags});
        }
    }

    void read_post_processor() {
        if (const auto post = file_.maybe_object("post_processor"))
            read_post_processor(*post);
    }

    void read_post_processor(const JsonObject& post) {
        const std::string type = post.string("type");
        if (type == "Sequence") {
            const Json& list = post.array("processors");
            for (std::size_t i = 0; i < list.size(); ++i)
                read_post_processor(
                    JsonObject(file_.file(), fmt::format("post_processor[{}]", i), list[i]));
        } else if (type == "TemplateProcessing") {
            read_template(post);
        } else if (type != "ByteLevel") {  // that one changes offsets only, never ids
            fail("{}: post-processor {} is not supported; TemplateProcessing and ByteLevel are",
                 file_.file(), type);
        }
    }

    // [special]... A [special]... around one text
    void read_template(const JsonObject& post) {
        const JsonObject tokens = post.object("special_tokens");
        bool behind = false;
        for (const Json& item : post.array("single")) {
            const JsonObject entry(file_.file(), post.path_of("single"), item);
            if (entry.has("Sequence")) {
                if (behind)
                    post.reject("single", "has the text twice");
                behind = true;
                continue;
            }
            const std::string name = entry.object("SpecialToken").string("id");
            const JsonObject token = tokens.object(name);
            for (const Json& id : token.array("ids")) {
                if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= spec_.pieces.size())
                    tokens.reject(name, "has an id that is not in the vocabulary");
                (behind ? spec_.suffix_ids : spec_.prefix_ids).push_back(id.get<rt::TokenId>());
            }
        }
        if (!behind)
            post.reject("single", "does not hold the text");
        if (!spec_.prefix_ids.empty())
            spec_.bos_id = spec_.prefix_ids.front();
    }

    const JsonObject& file_;
    Spec spec_;
    std::unordered_map<std::string, rt::TokenId> ids_;
};

}  // namespace

rt::TokenizerSpec load_hf_tokenizer(const std::filesystem::path& path) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored))
        fail("{}: no such file; a folder needs its tokenizer as tokenizer.json", path.string());
    const MappedFile file(path);
    const Json json = parse_json_object(file.name(), file.bytes());
    const JsonObject object(file.name(), "", json);
    Spec spec = Reader(object).read();
    try {
        rt::serialize(spec);  // what the runtime would refuse is refused here, with the file's name
    } catch (const rt::TokenizerError& e) {
        fail("{}: {}", file.name(), e.what());
    }
    return spec;
}

}  // namespace skald::compiler
