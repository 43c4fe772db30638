// SPDX-License-Identifier: MIT
// What a compiled model knows of conversations: its chat section (uapi/skald/container.hpp), and a
// conversation as text.
#pragma once

#include <ctime>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "template/template.hpp"

namespace skald::rt {

struct ChatSection {
    using Texts = std::vector<std::pair<std::string, std::string>>;  // name, text

    Texts templates;  // "default", and perhaps others: "tool_use"
    Texts tokens;     // "bos_token", ...: what templates may name, as text

    // The template for a conversation with or without tools; null if there is none.
    [[nodiscard]] const std::string* choose(bool with_tools) const;
};

[[nodiscard]] std::string serialize(const ChatSection& section);
// Throws TemplateError for what is no such section.
[[nodiscard]] ChatSection parse_chat_section(std::string_view bytes);

// As transformers gives a conversation to its template: `tools` and `documents` are None where the
// variables have none.
[[nodiscard]] std::string render_chat(const Template& chat, nlohmann::ordered_json variables,
                                      const std::tm& now, const TemplateLimits& limits = {});

}  // namespace skald::rt
