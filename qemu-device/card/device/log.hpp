// SPDX-License-Identifier: MIT
// printf-like messages of the card to whoever owns it.
#pragma once

#include "card/ports.hpp"

namespace skald::card {

class Log {
  public:
    explicit Log(const Hooks& hooks) : hooks_(hooks) {}

    // A rule of the device page was broken, by the driver or by the firmware.
    [[gnu::format(printf, 2, 3)]] void guest_error(const char* format, ...) const;
    [[gnu::format(printf, 2, 3)]] void info(const char* format, ...) const;
    [[gnu::format(printf, 2, 3)]] void debug(const char* format, ...) const;

  private:
    const Hooks& hooks_;
};

}  // namespace skald::card
