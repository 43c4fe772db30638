// SPDX-License-Identifier: MIT
// Text on standard output. A reader that goes away is no error: nothing more is written then.
#pragma once

#include <string_view>

namespace skald::run {

class StandardOutput {
  public:
    // Throws rt::Error.
    void write(std::string_view text);
    [[nodiscard]] bool closed() const { return closed_; }  // the reader went away

  private:
    bool closed_ = false;
};

}  // namespace skald::run
