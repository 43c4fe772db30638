// SPDX-License-Identifier: MIT
// What can go wrong with a template. Inside of the room a Failure travels up to the innermost node
// that knows a line; outside it is a TemplateError.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace skald::rt {

// "line 12: 'x' is undefined". Line 0: of no place in the template.
class TemplateError : public std::runtime_error {
  public:
    TemplateError(std::uint32_t line, const std::string& what)
        : std::runtime_error(line != 0 ? fmt::format("line {}: {}", line, what) : what),
          line_(line) {}
    [[nodiscard]] std::uint32_t line() const { return line_; }

  private:
    std::uint32_t line_;
};

namespace jinja {

struct Failure {
    std::string what;
    std::uint32_t line = 0;
};

template <typename... Arguments>
[[noreturn]] void fail(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
    throw Failure{fmt::format(text, std::forward<Arguments>(arguments)...)};
}

template <typename... Arguments>
[[noreturn]] void fail_at(std::uint32_t line, fmt::format_string<Arguments...> text,
                          Arguments&&... arguments) {
    throw Failure{fmt::format(text, std::forward<Arguments>(arguments)...), line};
}

}  // namespace jinja
}  // namespace skald::rt
