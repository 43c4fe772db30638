// SPDX-License-Identifier: MIT
// A bar on the terminal's last line; nothing at all when stderr is not a terminal.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "console/standard_streams.hpp"

namespace skald::compiler {

class ProgressBar {
  public:
    ProgressBar() = default;
    ~ProgressBar() {
        if (drawn_)
            console::say("\r\033[K");
    }
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;

    // `whole`: what `total` is.
    void show(std::uint64_t done, std::uint64_t total, std::string_view whole) {
        const auto now = std::chrono::steady_clock::now();
        if (!on_ || total == 0 || (done < total && now - last_ < std::chrono::milliseconds(100)))
            return;
        last_ = now;
        constexpr std::uint64_t kWidth = 40;
        const std::uint64_t filled = done * kWidth / total;
        console::say("\r[{:<40}] {:3}% of {}", std::string(filled, '#'), done * 100 / total, whole);
        drawn_ = true;
    }

  private:
    const bool on_ = ::isatty(STDERR_FILENO) != 0;
    bool drawn_ = false;
    std::chrono::steady_clock::time_point last_{};
};

}  // namespace skald::compiler
