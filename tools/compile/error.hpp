// SPDX-License-Identifier: MIT
// The compiler's one way to fail: an exception with a sentence that says what is wrong and where.
// main() turns it into one line on stderr and an exit code.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace skald::compiler {

class CompileError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
    throw CompileError(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace skald::compiler
