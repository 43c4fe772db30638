// SPDX-License-Identifier: MIT
// Raw mode, window size and the way out of a terminal.
#include "vm/host/terminal.hpp"

#include <sys/ioctl.h>

#include "vm/io.hpp"

namespace skald::vm {
namespace {

constexpr std::uint8_t kEscape = 0x1d;  // Ctrl-]
constexpr std::chrono::seconds kTwice{1};

}  // namespace

RawTerminal::RawTerminal(int fd) : fd_(fd) {
    check(::tcgetattr(fd_, &saved_), "tcgetattr");
    termios raw = saved_;
    ::cfmakeraw(&raw);
    check(::tcsetattr(fd_, TCSADRAIN, &raw), "tcsetattr");
}

RawTerminal::~RawTerminal() {
    ::tcsetattr(fd_, TCSADRAIN, &saved_);
}

Window window_of(int fd) {
    winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) != 0)
        return {};
    return {size.ws_row, size.ws_col};
}

bool EscapeWatch::escaped(std::span<const std::uint8_t> typed, Clock::time_point now) {
    for (const std::uint8_t byte : typed) {
        if (byte != kEscape) {
            first_.reset();
        } else if (first_ && now - *first_ <= kTwice) {
            return true;
        } else {
            first_ = now;
        }
    }
    return false;
}

}  // namespace skald::vm
