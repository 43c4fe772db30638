// SPDX-License-Identifier: MIT
#include "run/conversation.hpp"

#include <fmt/format.h>

#include <cerrno>

#include "libskald/error.hpp"

namespace skald::run {
namespace {

using Json = nlohmann::ordered_json;

Json read_conversation(const std::string& path) {
    const Json json = Json::parse(read_text(path), nullptr, /*allow_exceptions=*/false);
    const std::string name = path == "-" ? "standard input" : path;
    if (!json.is_array() && !json.is_object())
        throw rt::Error(name + ": is neither a JSON list of messages nor an object with one",
                        EINVAL);
    Json object = json.is_array() ? Json{{"messages", json}} : json;
    if (!object.contains("messages") || !object["messages"].is_array())
        throw rt::Error(name + ": has no list \"messages\"", EINVAL);
    for (const Json& message : object["messages"])
        if (!message.is_object() || !message.contains("role") || !message["role"].is_string())
            throw rt::Error(name + ": a message is not an object with a \"role\"", EINVAL);
    return object;
}

// k=v: a JSON value, else a text.
void set_argument(Json& variables, const std::string& argument) {
    const std::size_t equal = argument.find('=');
    if (equal == std::string::npos || equal == 0)
        throw UsageError(fmt::format("--template-arg {} is not NAME=VALUE", argument));
    const std::string value = argument.substr(equal + 1);
    Json json = Json::parse(value, nullptr, /*allow_exceptions=*/false);
    variables[argument.substr(0, equal)] = json.is_discarded() ? Json(value) : std::move(json);
}

std::tm clock_of(const std::string& date) {
    std::tm now{};
    if (date.empty()) {
        const std::time_t seconds = std::time(nullptr);
        ::localtime_r(&seconds, &now);
        return now;
    }
    const char* end = ::strptime(date.c_str(), "%Y-%m-%d", &now);
    if (end != nullptr && (*end == ' ' || *end == 'T'))
        end = ::strptime(end + 1, "%H:%M:%S", &now);
    if (end == nullptr || *end != '\0')
        throw UsageError(
            fmt::format("--date {} is not YYYY-MM-DD or \"YYYY-MM-DD HH:MM:SS\"", date));
    (void)::timegm(&now);  // the day of the week
    return now;
}

rt::Template parsed(const std::string* source, const std::string& model) {
    if (source == nullptr)
        throw rt::Error(fmt::format("{} has no chat template, so that it can only continue texts; "
                                    "llm-compile --chat-template gives it one",
                                    model),
                        ENOENT);
    return rt::Template(*source);
}

void guard(const ControlText& control, Json& value) {
    if (value.is_string())
        value = control.marked(value.get_ref<const std::string&>());
    else if (value.is_structured())
        for (Json& item : value)
            guard(control, item);
}

// Who writes it decides what the model is told to do.
bool is_trusted(const Json& message) {
    const std::string role = message.value("role", "");
    return role == "system" || role == "developer" || role == "assistant";
}

}  // namespace

Conversation::Conversation(const ChatOptions& options, const std::string& model,
                           std::string_view section, const rt::Tokenizer& tokenizer)
    : control_(tokenizer),
      guard_(!options.control_tokens),
      now_(clock_of(options.date)),
      given_(options.messages_file.empty() ? Json{{"messages", Json::array()}}
                                           : read_conversation(options.messages_file)),
      system_(options.system.value_or("")),
      plain_(""),
      of_tools_("") {
    const rt::ChatSection chat =
        section.empty() ? rt::ChatSection() : rt::parse_chat_section(section);
    plain_ = parsed(chat.choose(false) != nullptr ? chat.choose(false) : chat.choose(true), model);
    of_tools_ =
        parsed(chat.choose(true) != nullptr ? chat.choose(true) : chat.choose(false), model);
    for (const std::string& argument : options.template_arguments)
        set_argument(given_, argument);
    variables_ = Json{{"add_generation_prompt", true}};
    for (const auto& [name, text] : chat.tokens)
        variables_[name] = text;
    variables_.update(given_);
    Json& messages = variables_["messages"];
    const bool has_system = !messages.empty() && messages[0].value("role", "") == "system";
    if (has_system && options.system)
        throw UsageError("--system and a system message in the file of --messages");
    if (has_system && messages[0].contains("content") && messages[0]["content"].is_string()) {
        system_ = messages[0]["content"].get<std::string>();
    } else if (!system_.empty()) {
        messages.insert(messages.begin(), Json{{"role", "system"}, {"content", system_}});
    }
}

Json Conversation::guarded_variables() const {
    Json variables = variables_;
    if (!guard_)
        return variables;
    for (Json& message : variables["messages"])
        if (!is_trusted(message))
            guard(control_, message);
    return variables;
}

const rt::Template& Conversation::chosen() const {
    const auto tools = variables_.find("tools");
    return tools != variables_.end() && !tools->is_null() ? of_tools_ : plain_;
}

Prompt Conversation::prompt() const {
    const std::string text = rt::render_chat(chosen(), guarded_variables(), now_);
    return {ControlText::unmarked(text), control_.encode(text)};
}

void Conversation::say(std::string_view role, std::string_view content) {
    variables_["messages"].push_back(Json{{"role", role}, {"content", content}});
}

void Conversation::take_back() {
    Json& messages = variables_["messages"];
    messages.erase(messages.end() - 1);
}

void Conversation::clear() {
    Json& messages = variables_["messages"];
    messages = Json::array();
    if (!system_.empty())
        say("system", system_);
}

std::string Conversation::to_text() const {
    Json all = given_;
    all["messages"] = messages();
    return all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace skald::run
