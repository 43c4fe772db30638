// SPDX-License-Identifier: MIT
// Token ids to text as they arrive. Gives out whole UTF-8 characters only: a character spread over
// several tokens waits for its last byte, bytes that can become no character turn into U+FFFD.
#pragma once

#include <string>

#include "tokenizer/tokenizer.hpp"

namespace skald::rt {

class StreamDecoder {
  public:
    // At the start of a text, what the tokenizer put in front of it (a space) is taken away again.
    // To continue a prompt, push the prompt's ids first. `tokenizer` must outlive the decoder.
    explicit StreamDecoder(const Tokenizer& tokenizer, bool show_control = false);

    // The text that is complete after this token; may be empty.
    std::string push(TokenId id);

    // What is still held back, as U+FFFD: no more tokens come. The decoder then stands in the
    // middle of a text.
    std::string finish();

  private:
    std::string take_characters(bool last);

    const Tokenizer& tokenizer_;
    bool show_control_;
    Tokenizer::LeadingStrip strip_;
    bool begun_ = false;  // a token that is text has come
    std::string pending_;
};

}  // namespace skald::rt
