// SPDX-License-Identifier: MIT
// Tokens become text on standard output as they arrive: whole characters, up to a stop string.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libskald/session.hpp"
#include "libskald/stop_strings.hpp"
#include "tokenizer/stream_decoder.hpp"

namespace skald::run {

class TextOutput {
  public:
    // prompt: the ids the text continues.
    TextOutput(const rt::Tokenizer& tokenizer, std::span<const rt::TokenId> prompt,
               std::vector<std::string> stop);

    // Wants no more after a stop string, or when nobody reads.
    [[nodiscard]] rt::Taken push(std::span<const rt::Token> tokens);
    // What was held back, and a newline.
    void finish();
    // Written as it is, before, between or after the text.
    void write(std::string_view text);

    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] const std::vector<rt::TokenId>& ids() const { return ids_; }
    [[nodiscard]] bool stopped() const { return stop_.matched(); }
    [[nodiscard]] bool closed() const { return closed_; }  // the reader went away

  private:
    void emit(const std::string& text);

    rt::StreamDecoder decoder_;
    rt::StopStrings stop_;
    std::string text_;
    std::vector<rt::TokenId> ids_;
    bool closed_ = false;
};

}  // namespace skald::run
