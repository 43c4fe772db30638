// SPDX-License-Identifier: MIT
#include "tokenizer/added_tokens.hpp"

#include <algorithm>

#include "tokenizer/utf8.hpp"

namespace skald::rt {

AddedTokens::AddedTokens(std::vector<Token> tokens) : tokens_(std::move(tokens)), by_first_(256) {
    std::stable_sort(tokens_.begin(), tokens_.end(),
                     [](const Token& a, const Token& b) { return a.text.size() > b.text.size(); });
    for (std::size_t i = 0; i < tokens_.size(); ++i)
        if (!tokens_[i].text.empty())
            by_first_[static_cast<unsigned char>(tokens_[i].text[0])].push_back(i);
}

const AddedTokens::Token* AddedTokens::match(std::string_view text, bool special) const {
    for (std::size_t i : by_first_[static_cast<unsigned char>(text[0])]) {
        const Token& token = tokens_[i];
        if ((special || (token.flags & tokenizer::kSpecial) == 0) && text.starts_with(token.text))
            return &token;
    }
    return nullptr;
}

std::vector<AddedTokens::Part> AddedTokens::split(std::string_view text, bool special) const {
    std::vector<Part> parts;
    std::size_t begin = 0;  // of the text not yet given out
    const auto flush = [&](std::size_t end) {
        if (end > begin)
            parts.push_back({text.substr(begin, end - begin), tokenizer::kNoToken});
    };
    for (std::size_t at = 0; at < text.size();) {
        const Token* token = match(text.substr(at), special);
        if (!token) {
            ++at;
            continue;
        }
        std::size_t left = at;
        if ((token->flags & tokenizer::kStripLeft) != 0)
            left = begin + utf8::trim_right(text.substr(begin, at - begin)).size();
        at += token->text.size();
        if ((token->flags & tokenizer::kStripRight) != 0)
            at = text.size() - utf8::trim_left(text.substr(at)).size();
        flush(left);
        parts.push_back({{}, token->id});
        begin = at;
    }
    flush(text.size());
    return parts;
}

}  // namespace skald::rt
