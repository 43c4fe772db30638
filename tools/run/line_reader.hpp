// SPDX-License-Identifier: MIT
// Lines that a person types, with editing and history, or that come from a pipe.
#pragma once

#include <memory>
#include <string>

namespace skald::run {

class LineReader {
  public:
    enum class Event { kLine, kInterrupt, kEnd };

    virtual ~LineReader() = default;
    // more: a line that continues what was begun. On kInterrupt (Ctrl-C) `line` is what had been
    // typed. Without its newline.
    virtual Event read(std::string& line, bool more) = 0;
    // What a later line may be made of again.
    virtual void remember(const std::string& text) = 0;
    [[nodiscard]] virtual bool is_terminal() const = 0;

    // Of standard input: with prompts and editing where both it and standard output, or standard
    // error, are terminals.
    [[nodiscard]] static std::unique_ptr<LineReader> of_standard_input();
};

}  // namespace skald::run
