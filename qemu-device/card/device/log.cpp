// SPDX-License-Identifier: MIT
// Formats messages of at most one line.
#include "card/device/log.hpp"

#include <array>
#include <cstdarg>
#include <cstdio>

namespace skald::card {
namespace {

void emit(const Hooks& hooks, LogLevel level, const char* format, std::va_list arguments) {
    if (!hooks.log) {
        return;
    }
    std::array<char, 256> line{};
    std::vsnprintf(line.data(), line.size(), format, arguments);
    hooks.log(level, line.data());
}

}  // namespace

void Log::guest_error(const char* format, ...) const {
    std::va_list arguments;
    va_start(arguments, format);
    emit(hooks_, LogLevel::kGuestError, format, arguments);
    va_end(arguments);
}

void Log::info(const char* format, ...) const {
    std::va_list arguments;
    va_start(arguments, format);
    emit(hooks_, LogLevel::kInfo, format, arguments);
    va_end(arguments);
}

void Log::debug(const char* format, ...) const {
    std::va_list arguments;
    va_start(arguments, format);
    emit(hooks_, LogLevel::kDebug, format, arguments);
    va_end(arguments);
}

}  // namespace skald::card
