// SPDX-License-Identifier: MIT
#include "run/chat_input.hpp"

#include <algorithm>
#include <string_view>

namespace skald::run {
namespace {

using Event = LineReader::Event;

constexpr std::string_view kFence = "\"\"\"";

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos)
        return {};
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// False: given up.
bool read_more(LineReader& reader, std::string& line, bool& ended) {
    const Event event = reader.read(line, true);
    ended = event == Event::kEnd;
    return event != Event::kInterrupt;
}

bool continue_fenced(LineReader& reader, std::string& text) {
    text.erase(0, kFence.size());
    if (text.size() >= kFence.size() && text.ends_with(kFence)) {
        text.resize(text.size() - kFence.size());
        return true;
    }
    if (!text.empty())
        text += '\n';
    for (bool ended = false;;) {
        std::string line;
        if (!read_more(reader, line, ended))
            return false;
        const bool last = ended || line.ends_with(kFence);
        if (!ended && last)
            line.resize(line.size() - kFence.size());
        text += line;
        if (last) {
            if (text.ends_with('\n'))
                text.pop_back();
            return true;
        }
        text += '\n';
    }
}

bool continue_lines(LineReader& reader, std::string& text) {
    for (bool ended = false; text.ends_with('\\') && !ended;) {
        text.back() = '\n';
        std::string line;
        if (!read_more(reader, line, ended))
            return false;
        text += line;
    }
    return true;
}

ChatInput command_of(std::string_view line) {
    const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
    return {ChatInput::Kind::kCommand, "", std::string(line.substr(0, end)),
            std::string(trimmed(line.substr(end)))};
}

}  // namespace

ChatInput read_chat_input(LineReader& reader) {
    using Kind = ChatInput::Kind;
    std::string text;
    switch (reader.read(text, false)) {
        case Event::kEnd:
            return {Kind::kEnd, "", "", ""};
        case Event::kInterrupt:
            return {text.empty() ? Kind::kInterrupt : Kind::kNothing, "", "", ""};
        case Event::kLine:
            break;
    }
    if (text.starts_with('/') && !text.starts_with("//")) {
        reader.remember(text);
        return command_of(trimmed(text));
    }
    const bool fenced = text.starts_with(kFence);
    if (!(fenced ? continue_fenced(reader, text) : continue_lines(reader, text)))
        return {Kind::kNothing, "", "", ""};
    if (trimmed(text).empty())
        return {Kind::kNothing, "", "", ""};
    if (text.find('\n') == std::string::npos)
        reader.remember(text);
    if (!fenced && text.starts_with("//"))
        text.erase(0, 1);
    return {Kind::kMessage, text, "", ""};
}

}  // namespace skald::run
