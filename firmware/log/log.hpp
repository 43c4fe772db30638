// SPDX-License-Identifier: MIT
// The firmware's log: lines of time, level and text, which the driver shows.
#pragma once

#include "firmware/types.hpp"

namespace skald::fw {

// Numbers, so that the letter in the line and the order agree with the kernel's idea of levels.
enum class Level : u8 { kError = 0, kWarning = 1, kInfo = 2, kDebug = 3 };

[[gnu::format(printf, 1, 2)]] void log_error(const char* text, ...);
[[gnu::format(printf, 1, 2)]] void log_warning(const char* text, ...);
[[gnu::format(printf, 1, 2)]] void log_info(const char* text, ...);
[[gnu::format(printf, 1, 2)]] void log_debug(const char* text, ...);

// Lines above this level are not written.
void set_log_level(Level level);

}  // namespace skald::fw
