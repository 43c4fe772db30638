// SPDX-License-Identifier: MIT
#include "run/text_maker.hpp"

#include <algorithm>
#include <utility>

namespace skald::run {

TextMaker::TextMaker(const rt::Tokenizer& tokenizer, std::span<const rt::TokenId> prompt,
                     const std::vector<std::string>& stop, std::vector<rt::TokenId> ends)
    : decoder_(tokenizer), stop_(stop), ends_(std::move(ends)) {
    for (const std::string& name : stop)
        if (const rt::TokenId id = tokenizer.control_id(name); id != tokenizer::kNoToken)
            stop_tokens_.push_back(id);
    for (const rt::TokenId id : prompt)
        (void)decoder_.push(id);
}

std::string TextMaker::take(const rt::Token& token) {
    ids_.push_back(token.id);
    if (token.stop)
        return {};
    stopped_ = std::ranges::find(stop_tokens_, token.id) != stop_tokens_.end();
    ended_ = !stopped_ && std::ranges::find(ends_, token.id) != ends_.end();
    return stopped_ || ended_ ? std::string() : stop_.push(decoder_.push(token.id));
}

std::string TextMaker::push(std::span<const rt::Token> tokens, rt::Taken& taken) {
    std::string more;
    taken.count = 0;
    for (const rt::Token& token : tokens) {
        if (stopped() || ended())
            break;  // made before the card heard of the stop
        taken.count++;
        more += take(token);
    }
    taken.more = !stopped() && !ended();
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
