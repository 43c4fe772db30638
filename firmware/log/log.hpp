// SPDX-License-Identifier: MIT
// The firmware's log: lines of time, level and text, which the driver shows.
#pragma once

#include "firmware/types.hpp"
#include "skald/mbox.h"

namespace skald::fw {

enum class Level : u8 {
    kError = SKALD_FW_LOG_ERROR,
    kWarning = SKALD_FW_LOG_WARNING,
    kInfo = SKALD_FW_LOG_INFO,
    kDebug = SKALD_FW_LOG_DEBUG
};

[[gnu::format(printf, 1, 2)]] void log_error(const char* text, ...);
[[gnu::format(printf, 1, 2)]] void log_warning(const char* text, ...);
[[gnu::format(printf, 1, 2)]] void log_info(const char* text, ...);
[[gnu::format(printf, 1, 2)]] void log_debug(const char* text, ...);

// Lines above this level are not written.
void set_log_level(Level level);

}  // namespace skald::fw
