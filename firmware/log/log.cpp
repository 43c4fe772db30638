// SPDX-License-Identifier: MIT
// Builds log lines: "[   12.345678] W text".
#include "firmware/log/log.hpp"

#include <stdarg.h>

#include "firmware/hw.hpp"
#include "firmware/log/format.hpp"

namespace skald::fw {
namespace {

constexpr u32 kLine = 192;
constinit Level threshold = Level::kInfo;

[[gnu::format(printf, 3, 4)]] u32 print(char* to, u32 size, const char* text, ...) {
    va_list arguments;
    va_start(arguments, text);
    const u32 used = format(to, size, text, arguments);
    va_end(arguments);
    return used;
}

void emit(Level level, const char* text, va_list arguments) {
    if (level > threshold) {
        return;
    }
    char line[kLine];
    const u64 now = hw::now_us();
    u32 used = print(line, kLine - 1, "[%5u.%06u] %c ", low(now / 1000000), low(now % 1000000),
                     "EWID"[static_cast<u32>(level)]);
    used += format(line + used, kLine - 1 - used, text, arguments);
    line[used++] = '\n';
    hw::log_bytes(line, used);
}

}  // namespace

void set_log_level(Level level) {
    threshold = level;
}

void log_error(const char* text, ...) {
    va_list arguments;
    va_start(arguments, text);
    emit(Level::kError, text, arguments);
    va_end(arguments);
}

void log_warning(const char* text, ...) {
    va_list arguments;
    va_start(arguments, text);
    emit(Level::kWarning, text, arguments);
    va_end(arguments);
}

void log_info(const char* text, ...) {
    va_list arguments;
    va_start(arguments, text);
    emit(Level::kInfo, text, arguments);
    va_end(arguments);
}

void log_debug(const char* text, ...) {
    va_list arguments;
    va_start(arguments, text);
    emit(Level::kDebug, text, arguments);
    va_end(arguments);
}

}  // namespace skald::fw
