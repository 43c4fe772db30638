// SPDX-License-Identifier: MIT
// Messages, and the text that the model's template makes of them.
#pragma once

#include <ctime>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "run/control_text.hpp"
#include "run/options.hpp"
#include "run/prompt.hpp"
#include "template/chat_template.hpp"
#include "tokenizer/tokenizer.hpp"

namespace skald::run {

class Conversation {
  public:
    using Json = nlohmann::ordered_json;

    // With the messages, the system message and the variables of the options. section: the
    // container's. Throws UsageError for options that cannot be, rt::Error if the model has no
    // template.
    Conversation(const ChatOptions& options, const std::string& model, std::string_view section,
                 const rt::Tokenizer& tokenizer);

    // What the model is to continue. Throws rt::TemplateError where the template refuses.
    [[nodiscard]] Prompt prompt() const;

    void say(std::string_view role, std::string_view content);
    void take_back();  // the last message
    void clear();      // all but the system message of the options
    [[nodiscard]] const Json& messages() const { return variables_["messages"]; }
    // What --messages reads again.
    [[nodiscard]] std::string to_text() const;

  private:
    [[nodiscard]] Json guarded_variables() const;
    [[nodiscard]] const rt::Template& chosen() const;

    ControlText control_;
    bool guard_;
    std::tm now_;
    Json given_;      // by the file and the command line: what to_text() repeats
    Json variables_;  // with the model's tokens
    std::string system_;
    rt::Template plain_, of_tools_;
};

}  // namespace skald::run
