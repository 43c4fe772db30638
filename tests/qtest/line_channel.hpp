// SPDX-License-Identifier: MIT
// A socket on which both sides talk in lines. Throws when the other side is gone or silent.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "process.hpp"

namespace skald::qtest {

// Long enough for a loaded machine under sanitizers; a healthy QEMU answers within microseconds.
inline constexpr std::chrono::seconds kPatience{60};

class LineChannel {
  public:
    LineChannel(std::string name, Fd fd) : name_(std::move(name)), fd_(std::move(fd)) {}
    void send(std::string_view line);  // a line end is added
    [[nodiscard]] std::string receive();

  private:
    std::string name_;
    Fd fd_;
    std::string pending_;
};

}  // namespace skald::qtest
