// SPDX-License-Identifier: MIT
#include "tokenizers/hf_post_processor.hpp"

#include "error.hpp"

namespace skald::compiler {
namespace {

rt::TokenId token_id(const JsonObject& where, std::string_view key, const Json& id,
                     const rt::TokenizerSpec& spec) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= spec.pieces.size())
        where.reject(key, "has an id that is not in the vocabulary");
    return id.get<rt::TokenId>();
}

// [special]... A [special]... around one text
void read_template(const JsonObject& post, rt::TokenizerSpec& spec) {
    const JsonObject tokens = post.object("special_tokens");
    bool behind = false;
    for (const Json& item : post.array("single")) {
        const JsonObject entry(post.file(), post.path_of("single"), item);
        if (entry.has("Sequence")) {
            if (behind)
                post.reject("single", "has the text twice");
            behind = true;
            continue;
        }
        const std::string name = entry.object("SpecialToken").string("id");
        const JsonObject token = tokens.object(name);
        for (const Json& id : token.array("ids"))
            (behind ? spec.suffix_ids : spec.prefix_ids)
                .push_back(token_id(tokens, name, id, spec));
    }
    if (!behind)
        post.reject("single", "does not hold the text");
}

// "cls" and "sep" are [text, id]: BertProcessing, RobertaProcessing
void read_pair(const JsonObject& post, rt::TokenizerSpec& spec) {
    const auto id = [&](std::string_view key) {
        const Json& pair = post.array(key);
        if (pair.size() != 2)
            post.reject(key, "is not a token with its id");
        return token_id(post, key, pair[1], spec);
    };
    spec.prefix_ids.push_back(id("cls"));
    spec.suffix_ids.push_back(id("sep"));
}

void read(const JsonObject& post, rt::TokenizerSpec& spec) {
    const std::string type = post.string("type");
    if (type == "Sequence") {
        const Json& list = post.array("processors");
        for (std::size_t i = 0; i < list.size(); ++i)
            read(JsonObject(post.file(), fmt::format("{}[{}]", post.path_of("processors"), i),
                            list[i]),
                 spec);
    } else if (type == "TemplateProcessing") {
        read_template(post, spec);
    } else if (type == "BertProcessing" || type == "RobertaProcessing") {
        read_pair(post, spec);
    } else if (type != "ByteLevel") {  // that one changes offsets only, never ids
        fail(
            "{}: post-processor {} is not supported; TemplateProcessing, ByteLevel, "
            "BertProcessing, RobertaProcessing and Sequence are",
            post.file(), type);
    }
}

}  // namespace

void read_hf_post_processor(const JsonObject& file, rt::TokenizerSpec& spec) {
    if (const auto post = file.maybe_object("post_processor"))
        read(*post, spec);
    if (!spec.prefix_ids.empty())
        spec.bos_id = spec.prefix_ids.front();
}

}  // namespace skald::compiler
