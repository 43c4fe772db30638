// SPDX-License-Identifier: MIT
// One write per batch of tokens; a reader that went away is no error.
#include "run/text_output.hpp"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "libskald/error.hpp"

namespace skald::run {

TextOutput::TextOutput(const rt::Tokenizer& tokenizer, std::span<const rt::TokenId> prompt,
                       std::vector<std::string> stop)
    : decoder_(tokenizer), stop_(std::move(stop)) {
    for (const rt::TokenId id : prompt)
        (void)decoder_.push(id);
}

void TextOutput::write(std::string_view text) {
    while (!text.empty() && !closed_) {
        const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
        if (n >= 0)
            text.remove_prefix(static_cast<std::size_t>(n));
        else if (errno == EPIPE)
            closed_ = true;
        else if (errno != EINTR)
            throw rt::system_error(errno, "cannot write to standard output");
    }
}

void TextOutput::emit(const std::string& text) {
    text_ += text;
    write(text);
}

rt::Taken TextOutput::push(std::span<const rt::Token> tokens) {
    std::string batch;
    rt::Taken taken;
    for (const rt::Token& token : tokens) {
        if (stop_.matched())
            break;  // made before the card heard of the stop
        taken.count++;
        ids_.push_back(token.id);
        if (!token.stop)
            batch += stop_.push(decoder_.push(token.id));
    }
    emit(batch);
    taken.more = !stop_.matched() && !closed_;
    return taken;
}

void TextOutput::finish() {
    if (!stop_.matched())
        emit(stop_.push(decoder_.finish()) + stop_.finish());
    write("\n");
}

}  // namespace skald::run
