// SPDX-License-Identifier: MIT
// Looks for strings that end a text while it streams by: holds back what could become one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace skald::rt {

class StopStrings {
  public:
    // Empty strings are ignored.
    explicit StopStrings(std::vector<std::string> strings);

    // The text that is safe to show now. After a match: what came before it, then nothing more.
    [[nodiscard]] std::string push(std::string_view text);
    [[nodiscard]] bool matched() const { return matched_; }
    // What was held back; nothing more comes.
    [[nodiscard]] std::string finish();

  private:
    // Bytes at the end of pending_ with which a stop string may begin.
    [[nodiscard]] std::size_t held_back() const;

    std::vector<std::string> strings_;
    std::string pending_;
    bool matched_ = false;
};

}  // namespace skald::rt
