// SPDX-License-Identifier: MIT
#include "chat/chat_source.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "error.hpp"
#include "input/file_bytes.hpp"
#include "input/gguf.hpp"
#include "input/json.hpp"

namespace skald::compiler {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDefault = "default";

// Null where the file is not there.
std::optional<Json> maybe_json(const fs::path& path) {
    std::error_code ignored;
    if (!fs::exists(path, ignored))
        return std::nullopt;
    const FileBytes file(path);
    return parse_json_object(file.name(), file.bytes());
}

std::string read_file(const fs::path& path) {
    std::error_code ignored;
    if (fs::is_regular_file(path, ignored) && fs::file_size(path, ignored) == 0)
        return {};
    return std::string(FileBytes(path).text());
}

rt::ChatSection::Texts jinja_files(const fs::path& folder) {
    rt::ChatSection::Texts templates;
    std::error_code ignored;
    if (fs::exists(folder / "chat_template.jinja", ignored))
        templates.emplace_back(kDefault, read_file(folder / "chat_template.jinja"));
    std::vector<fs::path> others;
    for (const auto& entry : fs::directory_iterator(folder / "additional_chat_templates", ignored))
        if (entry.path().extension() == ".jinja")
            others.push_back(entry.path());
    std::ranges::sort(others);  // the same bytes wherever the folder lies
    for (const fs::path& path : others)
        templates.emplace_back(path.stem().string(), read_file(path));
    return templates;
}

// A text, or [{"name": ..., "template": ...}, ...].
rt::ChatSection::Texts templates_in(const fs::path& path) {
    const auto json = maybe_json(path);
    if (!json)
        return {};
    const JsonObject object(path.string(), "", *json);
    const Json* value = object.find("chat_template");
    if (value == nullptr || value->is_null())
        return {};
    if (value->is_string())
        return {{std::string(kDefault), value->get<std::string>()}};
    if (!value->is_array())
        object.reject("chat_template", "must be a text or a list of named ones");
    rt::ChatSection::Texts templates;
    for (const Json& entry : *value) {
        const auto text = [&](const char* key) {
            if (!entry.is_object() || !entry.contains(key) || !entry[key].is_string())
                object.reject("chat_template", "must be a text or a list of named ones");
            return entry[key].get<std::string>();
        };
        templates.emplace_back(text("name"), text("template"));
    }
    return templates;
}

void put(rt::ChatSection::Texts& texts, std::string name, std::string text) {
    const auto known = std::ranges::find_if(texts, [&](const auto& t) { return t.first == name; });
    if (known == texts.end())
        texts.emplace_back(std::move(name), std::move(text));
    else
        known->second = std::move(text);
}

// "bos_token": "<s>", or {"content": "<s>", ...}.
bool tokens_in(const fs::path& path, rt::ChatSection::Texts& tokens) {
    const auto json = maybe_json(path);
    if (!json)
        return false;
    for (const auto& [name, value] : json->items()) {
        if (!name.ends_with("_token"))
            continue;
        const Json& text =
            value.is_object() && value.contains("content") ? value["content"] : value;
        if (text.is_string())
            put(tokens, name, text.get<std::string>());
    }
    return true;
}

void put_piece(rt::ChatSection& chat, const char* name, std::uint64_t id,
               const rt::TokenizerSpec& tokenizer) {
    if (id < tokenizer.pieces.size())
        put(chat.tokens, name, tokenizer.pieces[id].text);
}

// Where no file says more.
void tokens_of_vocabulary(rt::ChatSection& chat, const rt::TokenizerSpec& tokenizer) {
    put_piece(chat, "bos_token", tokenizer.bos_id, tokenizer);
    if (!tokenizer.eos_ids.empty())
        put_piece(chat, "eos_token", tokenizer.eos_ids.front(), tokenizer);
    put_piece(chat, "unk_token", tokenizer.unknown_id, tokenizer);
}

rt::ChatSection read_folder(const fs::path& folder, const rt::TokenizerSpec& tokenizer) {
    rt::ChatSection chat;
    chat.templates = jinja_files(folder);
    for (const char* name : {"tokenizer_config.json", "chat_template.json"})
        if (chat.templates.empty())
            chat.templates = templates_in(folder / name);
    const bool map = tokens_in(folder / "special_tokens_map.json", chat.tokens);
    const bool config = tokens_in(folder / "tokenizer_config.json", chat.tokens);
    if (!map && !config)
        tokens_of_vocabulary(chat, tokenizer);
    return chat;
}

rt::ChatSection read_gguf(const fs::path& path, const rt::TokenizerSpec& tokenizer) {
    const Gguf gguf(path);
    rt::ChatSection chat;
    const std::string key = "tokenizer.chat_template";
    if (const std::string* text = gguf.maybe_string(key))
        chat.templates.emplace_back(kDefault, *text);
    if (const auto* names = gguf.maybe_strings("tokenizer.chat_templates"))
        for (const std::string& name : *names)
            if (const std::string* text = gguf.maybe_string(key + "." + name))
                put(chat.templates, name, *text);
    tokens_of_vocabulary(chat, tokenizer);
    constexpr std::array<std::pair<const char*, const char*>, 5> kTokens = {
        {{"bos", "bos_token"},
         {"eos", "eos_token"},
         {"unknown", "unk_token"},
         {"seperator", "sep_token"},
         {"padding", "pad_token"}}};
    for (const auto& [name, variable] : kTokens)
        if (const auto id = gguf.maybe_uint(fmt::format("tokenizer.ggml.{}_token_id", name)))
            put_piece(chat, variable, *id, tokenizer);
    return chat;
}

}  // namespace

rt::ChatSection read_chat(const fs::path& model, const rt::TokenizerSpec& tokenizer) {
    if (model.empty()) {
        rt::ChatSection chat;
        tokens_of_vocabulary(chat, tokenizer);
        return chat;
    }
    std::error_code ignored;
    return fs::is_directory(model, ignored) ? read_folder(model, tokenizer)
                                            : read_gguf(model, tokenizer);
}

std::string read_template(const fs::path& file) {
    std::string text = read_file(file);
    try {
        (void)rt::Template(text);
    } catch (const rt::TemplateError& error) {
        fail("{}: {}", file.string(), error.what());
    }
    return text;
}

std::vector<std::string> drop_bad_templates(rt::ChatSection& chat) {
    std::vector<std::string> faults;
    std::erase_if(chat.templates, [&](const auto& named) {
        try {
            (void)rt::Template(named.second);
            return false;
        } catch (const rt::TemplateError& error) {
            faults.push_back(
                fmt::format("the chat template {} is left out: {}", named.first, error.what()));
            return true;
        }
    });
    return faults;
}

}  // namespace skald::compiler
