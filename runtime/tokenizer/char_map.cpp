// SPDX-License-Identifier: MIT
#include "tokenizer/char_map.hpp"

#include <algorithm>

#include "tokenizer/spec.hpp"
#include "tokenizer/unicode.hpp"
#include "tokenizer/utf8.hpp"

namespace skald::rt {

CharMap::CharMap(std::string_view pairs, bool by_graphemes) : by_graphemes_(by_graphemes) {
    const auto take = [&] {
        const std::size_t end = pairs.find('\0');
        if (end == std::string_view::npos)
            throw TokenizerError("a map of characters ends in the middle of a pair");
        std::string text(pairs.substr(0, end));
        pairs.remove_prefix(end + 1);
        return text;
    };
    while (!pairs.empty()) {
        std::string from = take();
        std::string to = take();
        if (from.empty() || !utf8::well_formed(from) || !utf8::well_formed(to))
            throw TokenizerError("a map of characters has an entry that is not text");
        longest_ = std::max(longest_, from.size());
        map_.insert_or_assign(std::move(from), std::move(to));
    }
}

const std::string* CharMap::shortest(std::string_view text, std::size_t& length) const {
    for (length = 1; length <= std::min(longest_, text.size()); ++length)
        if (const auto found = map_.find(std::string(text.substr(0, length))); found != map_.end())
            return &found->second;
    return nullptr;
}

const std::string* CharMap::longest(std::string_view text, std::size_t& length) const {
    for (length = std::min(longest_, text.size()); length > 0; --length)
        if (const auto found = map_.find(std::string(text.substr(0, length))); found != map_.end())
            return &found->second;
    return nullptr;
}

void CharMap::by_graphemes(std::string_view text, std::string& out) const {
    constexpr std::size_t kShort = 6;  // clusters of this length and more go by characters
    while (!text.empty()) {
        const std::string_view cluster = text.substr(0, unicode::grapheme_length(text));
        text.remove_prefix(cluster.size());
        std::size_t length = 0;
        if (cluster.size() < kShort) {
            if (const std::string* to = shortest(cluster, length)) {
                out += *to;
                continue;
            }
        }
        for (std::size_t at = 0; at < cluster.size();) {
            const std::string_view character = cluster.substr(at, utf8::length(cluster[at]));
            const std::string* to = shortest(character, length);
            out += to ? std::string_view(*to) : character;
            at += character.size();
        }
    }
}

std::string CharMap::apply(std::string_view text) const {
    std::string out;
    out.reserve(text.size());
    if (by_graphemes_) {
        by_graphemes(text, out);
        return out;
    }
    while (!text.empty()) {
        std::size_t length = 0;
        if (const std::string* to = longest(text, length)) {
            out += *to;
        } else {
            length = utf8::length(text[0]);
            out += text.substr(0, length);
        }
        text.remove_prefix(length);
    }
    return out;
}

}  // namespace skald::rt
