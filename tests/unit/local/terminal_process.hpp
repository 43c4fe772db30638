// SPDX-License-Identifier: MIT
// A program on a terminal of its own, as a person at the keyboard has it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace skald::test {

class TerminalProcess {
  public:
    explicit TerminalProcess(const std::vector<std::string>& command);
    ~TerminalProcess();  // kills it if it still runs
    TerminalProcess(const TerminalProcess&) = delete;
    TerminalProcess& operator=(const TerminalProcess&) = delete;

    void type(const std::string& keys);
    // Reads until the screen has this behind what was waited for before. False: it did not come
    // within half a minute, or the program ended.
    [[nodiscard]] bool wait_for(const std::string& text);
    // ... until the program ends: its exit status, 128 + signal if one ended it.
    [[nodiscard]] int wait();
    [[nodiscard]] const std::string& screen() const { return screen_; }
    // If the terminal gives lines to the program as they are typed, as before the program.
    [[nodiscard]] bool is_cooked() const;

  private:
    // False at the end, or when nothing came for long.
    bool read_some();

    pid_t pid_ = -1;
    int terminal_ = -1;
    std::string screen_;
    std::size_t seen_ = 0;
};

}  // namespace skald::test
