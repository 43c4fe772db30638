// SPDX-License-Identifier: MIT
#include "template/chat_template.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace skald::rt {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const ChatSection::Texts& texts) {
    Json json = Json::object();
    for (const auto& [name, text] : texts)
        json[name] = text;
    return json;
}

ChatSection::Texts texts_of(const Json& section, const char* member) {
    ChatSection::Texts texts;
    const auto found = section.find(member);
    if (found == section.end())
        return texts;
    if (!found->is_object())
        throw TemplateError(0, fmt::format("the chat section's {} are no object", member));
    for (const auto& [name, text] : found->items()) {
        if (!text.is_string())
            throw TemplateError(0,
                                fmt::format("the chat section's {}: {} is no text", member, name));
        texts.emplace_back(name, text.get<std::string>());
    }
    return texts;
}

}  // namespace

const std::string* ChatSection::choose(bool with_tools) const {
    const auto find = [&](std::string_view name) -> const std::string* {
        const auto found =
            std::ranges::find_if(templates, [&](const auto& t) { return t.first == name; });
        return found != templates.end() ? &found->second : nullptr;
    };
    const std::string* of_tools = with_tools ? find("tool_use") : nullptr;
    return of_tools != nullptr ? of_tools : find("default");
}

std::string serialize(const ChatSection& section) {
    Json json;
    json["templates"] = to_json(section.templates);
    json["tokens"] = to_json(section.tokens);
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

ChatSection parse_chat_section(std::string_view bytes) {
    const Json json = Json::parse(bytes, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object())
        throw TemplateError(0, "the chat section is no JSON object");
    return {texts_of(json, "templates"), texts_of(json, "tokens")};
}

std::string render_chat(const Template& chat, Json variables, const std::tm& now,
                        const TemplateLimits& limits) {
    for (const char* name : {"tools", "documents"})
        if (!variables.contains(name))
            variables[name] = nullptr;
    return chat.render(variables, now, limits);
}

}  // namespace skald::rt
