// SPDX-License-Identifier: MIT
#include "tokenizer/added_tokens.hpp"

#include <algorithm>
#include <functional>

#include "tokenizer/char_set.hpp"
#include "tokenizer/utf8.hpp"

namespace skald::rt {
namespace {

// Letters, marks, digits, connectors and joiners, and the numerals and circled letters that are
// alphabetic without being letters.
const CharSet& word_characters() {
    static const CharSet set = CharSet::word() |
                               CharSet::categories(unicode::mask(unicode::Category::Nl)) |
                               CharSet::range(0x200C, 0x200D) | CharSet::range(0x24B6, 0x24E9) |
                               CharSet::range(0x1F130, 0x1F149) | CharSet::range(0x1F150, 0x1F169) |
                               CharSet::range(0x1F170, 0x1F189);
    return set;
}

bool begins_with_word(std::string_view text) {
    return !text.empty() &&
           word_characters().contains(utf8::decode(text.substr(0, utf8::length(text[0]))));
}

bool ends_in_word(std::string_view text) {
    std::size_t last = text.size();
    while (last > 0) {
        --last;
        if ((static_cast<unsigned char>(text[last]) & 0xC0) != 0x80)
            break;
    }
    return begins_with_word(text.substr(last));
}

}  // namespace

AddedTokens::AddedTokens(std::vector<Token> tokens) : tokens_(std::move(tokens)), by_first_(256) {
    const auto is_special = [](const Token& t) { return (t.flags & tokenizer::kSpecial) != 0; };
    std::ranges::stable_partition(tokens_, is_special);
    std::ranges::stable_sort(tokens_, std::ranges::greater(),
                             [](const Token& t) { return t.text.size(); });
    for (std::size_t i = 0; i < tokens_.size(); ++i)
        if (!tokens_[i].text.empty())
            by_first_[static_cast<unsigned char>(tokens_[i].text[0])].push_back(i);
}

const AddedTokens::Token* AddedTokens::match(std::string_view text) const {
    const auto& candidates = by_first_[static_cast<unsigned char>(text[0])];
    const auto found = std::ranges::find_if(
        candidates, [&](std::size_t i) { return text.starts_with(tokens_[i].text); });
    return found == candidates.end() ? nullptr : &tokens_[*found];
}

std::vector<AddedTokens::Part> AddedTokens::split(std::string_view text, bool special) const {
    std::vector<Part> parts;
    std::size_t begin = 0;  // of the text not yet given out
    const auto flush = [&](std::size_t end) {
        if (end > begin)
            parts.push_back({text.substr(begin, end - begin), tokenizer::kNoToken});
    };
    for (std::size_t at = 0; at < text.size();) {
        const Token* token = match(text.substr(at));
        if (!token) {
            ++at;
            continue;
        }
        const std::size_t found = at;
        at += token->text.size();  // the search goes on here, whatever white space is taken along
        if (!special && (token->flags & tokenizer::kSpecial) != 0)
            continue;
        if ((token->flags & tokenizer::kSingleWord) != 0 &&
            (ends_in_word(text.substr(0, found)) || begins_with_word(text.substr(at))))
            continue;
        std::size_t left = found, right = at;
        if ((token->flags & tokenizer::kStripRight) != 0)
            right = text.size() - utf8::trim_left(text.substr(at)).size();
        if ((token->flags & tokenizer::kStripLeft) != 0) {
            left = begin;
            if (found > begin)
                left += utf8::trim_right(text.substr(begin, found - begin)).size();
            if (left >= right)
                continue;  // another one took all of it along
        }
        flush(left);
        parts.push_back({{}, token->id});
        begin = right;
    }
    flush(text.size());
    return parts;
}

}  // namespace skald::rt
