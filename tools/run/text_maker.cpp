// SPDX-License-Identifier: MIT
#include "run/text_maker.hpp"

#include <utility>

namespace skald::run {

TextMaker::TextMaker(const rt::Tokenizer& tokenizer, std::span<const rt::TokenId> prompt,
                     std::vector<std::string> stop)
    : decoder_(tokenizer), stop_(std::move(stop)) {
    for (const rt::TokenId id : prompt)
        (void)decoder_.push(id);
}

std::string TextMaker::push(std::span<const rt::Token> tokens, rt::Taken& taken) {
    std::string more;
    taken.count = 0;
    for (const rt::Token& token : tokens) {
        if (stop_.matched())
            break;  // made before the card heard of the stop
        taken.count++;
        ids_.push_back(token.id);
        if (!token.stop)
            more += stop_.push(decoder_.push(token.id));
    }
    taken.more = !stop_.matched();
    text_ += more;
    return more;
}

std::string TextMaker::finish() {
    if (stop_.matched())
        return {};
    std::string more = stop_.push(decoder_.finish());
    more += stop_.finish();
    text_ += more;
    return more;
}

}  // namespace skald::run
