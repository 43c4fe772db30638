// SPDX-License-Identifier: MIT
// What a person says next: a message of one line or several, or a command.
#pragma once

#include <string>
#include <vector>

#include "run/line_reader.hpp"

namespace skald::run {

struct ChatInput {
    enum class Kind { kMessage, kCommand, kNothing, kInterrupt, kEnd };
    Kind kind = Kind::kEnd;
    std::string text;      // of a message
    std::string command;   // "/save"
    std::string argument;  // what follows it
};

// A line that ends in a backslash goes on in the next one. One that begins with """ opens a text
// that goes on to a line that ends with """. One that begins with / is a command, and with // a
// message that begins with /. kInterrupt: Ctrl-C at an empty line.
[[nodiscard]] ChatInput read_chat_input(LineReader& reader);

}  // namespace skald::run
