// SPDX-License-Identifier: MIT
// Tokens of a sequence become text: whole characters, up to a stop string.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "libskald/request.hpp"
#include "libskald/stop_strings.hpp"
#include "tokenizer/stream_decoder.hpp"

namespace skald::run {

class TextMaker {
  public:
    // prompt: the ids the text continues. stop: strings, or names of control tokens, which have no
    // text. ends: tokens that end the text; the card knows as many of them as it has room for.
    TextMaker(const rt::Tokenizer& tokenizer, std::span<const rt::TokenId> prompt,
              const std::vector<std::string>& stop, std::vector<rt::TokenId> ends = {});

    // The text that these tokens add. Takes none after a stop string or an end.
    [[nodiscard]] std::string push(std::span<const rt::Token> tokens, rt::Taken& taken);
    // What was held back.
    [[nodiscard]] std::string finish();

    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] const std::vector<rt::TokenId>& ids() const { return ids_; }
    [[nodiscard]] bool stopped() const { return stop_.matched() || stopped_; }
    [[nodiscard]] bool ended() const { return ended_; }  // at an end that the card did not know

  private:
    [[nodiscard]] std::string take(const rt::Token& token);

    rt::StreamDecoder decoder_;
    rt::StopStrings stop_;
    std::vector<rt::TokenId> stop_tokens_, ends_;
    bool stopped_ = false, ended_ = false;
    std::string text_;
    std::vector<rt::TokenId> ids_;
};

}  // namespace skald::run
