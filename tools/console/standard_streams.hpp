// SPDX-License-Identifier: MIT
// The standard streams of a program, from its first line to its exit status.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace skald::console {

// Descriptors 0 to 2 that are missing become /dev/null: else the next file that is opened would be
// the program's input or output. Belongs at the beginning of main().
void fill_standard_streams();

void say_formatted(fmt::string_view format, fmt::format_args args) noexcept;

// Writes to standard error. Text that finds no way is lost, and changes neither what the program
// does nor its exit status.
template <typename... Args>
void say(fmt::format_string<Args...> format, const Args&... args) noexcept {
    say_formatted(format, fmt::make_format_args(args...));
}

// How to exit: with `status`; or with `failed`, and a line that says why, if that is 0 and what was
// printed did not reach standard output.
[[nodiscard]] int finish(std::string_view program, int status, int failed = 1) noexcept;

}  // namespace skald::console
