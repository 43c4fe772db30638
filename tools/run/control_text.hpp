// SPDX-License-Identifier: MIT
// Keeps what people write from ending their turn or beginning another's: the text of a control
// token ("<|im_end|>") in a message is that text and not the token, whatever the template makes of
// the message. A mark is put into it before the template sees it, and found again in what the
// template wrote.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizer/tokenizer.hpp"

namespace skald::run {

class ControlText {
  public:
    explicit ControlText(const rt::Tokenizer& tokenizer);

    [[nodiscard]] std::string marked(std::string_view text) const;
    [[nodiscard]] static std::string unmarked(std::string_view text);
    // Control tokens where there is no mark. Nothing is put around the text: a template writes the
    // tokens at its ends itself.
    [[nodiscard]] std::vector<rt::TokenId> encode(std::string_view marked) const;

  private:
    // The longest control text that `rest` begins with; 0: none. Its first character may have a
    // mark behind it.
    [[nodiscard]] std::size_t control_at(std::string_view rest, bool with_mark) const;

    const rt::Tokenizer& tokenizer_;
    std::unordered_map<char, std::vector<std::string>> texts_;  // by first byte, longest first
};

}  // namespace skald::run
