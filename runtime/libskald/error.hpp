// SPDX-License-Identifier: MIT
// The one error of the runtime: a sentence for people and, where a system call or the card gave
// one, its errno for programs.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace skald::rt {

class Error : public std::runtime_error {
  public:
    // `code` is an errno value, or 0 where there is none.
    explicit Error(const std::string& sentence, int code = 0)
        : std::runtime_error(sentence), code_(code) {}
    [[nodiscard]] int code() const { return code_; }

  private:
    int code_;
};

// "cannot open /dev/accel/accel0: Permission denied (EACCES)"
[[nodiscard]] Error system_error(int code, std::string_view what);
[[nodiscard]] std::string errno_text(int code);

}  // namespace skald::rt
