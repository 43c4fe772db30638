// SPDX-License-Identifier: MIT
// The terminal skald-vm was called from, while a terminal of the guest is shown on it.
#pragma once

#include <termios.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include "vm/protocol.hpp"

namespace skald::vm {

// Raw mode for as long as it lives: every key goes to the guest, whose terminal makes sense of it.
class RawTerminal {
  public:
    explicit RawTerminal(int fd);
    ~RawTerminal();
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;

  private:
    int fd_;
    termios saved_{};
};

// Rows and columns of a terminal; zeros where it is none.
Window window_of(int fd);

// Sees Ctrl-] typed twice within a second.
class EscapeWatch {
  public:
    using Clock = std::chrono::steady_clock;
    bool escaped(std::span<const std::uint8_t> typed, Clock::time_point now);

  private:
    std::optional<Clock::time_point> first_;
};

}  // namespace skald::vm
