// SPDX-License-Identifier: MIT
#include "tokenizer/char_classes.hpp"

#include <algorithm>
#include <map>

#include "tokenizer/utf8.hpp"

namespace skald::rt {

std::optional<CharClasses> CharClasses::of(std::span<const CharSet> sets) {
    CharClasses out;
    out.starts_.push_back(0);
    for (const CharSet& set : sets)
        for (const CharSet::Piece& piece : set.pieces())
            out.starts_.push_back(piece.first);
    std::ranges::sort(out.starts_);
    const auto repeated = std::ranges::unique(out.starts_);
    out.starts_.erase(repeated.begin(), repeated.end());

    std::map<std::vector<bool>, std::uint8_t> numbers;
    for (const char32_t start : out.starts_) {
        auto& row = out.numbers_.emplace_back();
        for (unsigned category = 0; category < unicode::kCategories; ++category) {
            std::vector<bool> held;
            held.reserve(sets.size());
            for (const CharSet& set : sets)
                held.push_back(set.contains(start, 1u << category));
            auto at = numbers.find(held);
            if (at == numbers.end()) {
                if (numbers.size() == kMost)
                    return std::nullopt;
                at = numbers.emplace(held, static_cast<std::uint8_t>(numbers.size())).first;
                out.members_.push_back(std::move(held));
            }
            row[category] = at->second;
        }
    }
    for (char32_t c = 0; c < kDirect; ++c)
        out.direct_[c] = out.find(c);
    return out;
}

std::uint8_t CharClasses::find(char32_t c) const {
    const auto after = std::ranges::upper_bound(starts_, c);
    const auto row = static_cast<std::size_t>(after - starts_.begin() - 1);
    return numbers_[row][static_cast<std::size_t>(unicode::category(c))];
}

std::vector<std::uint8_t> CharClasses::classes_of(std::size_t index) const {
    std::vector<std::uint8_t> found;
    for (std::size_t number = 0; number < members_.size(); ++number)
        if (members_[number][index])
            found.push_back(static_cast<std::uint8_t>(number));
    return found;
}

std::string CharClasses::classify(std::string_view text) const {
    std::string out;
    out.resize(text.size());
    std::size_t count = 0;
    for (std::size_t at = 0; at < text.size();) {
        const auto byte = static_cast<unsigned char>(text[at]);
        if (byte < 0x80) {
            out[count++] = static_cast<char>(direct_[byte]);
            ++at;
            continue;
        }
        const std::size_t length = utf8::length(text[at]);
        const char32_t c = utf8::decode(text.substr(at, length));
        out[count++] = static_cast<char>(c < kDirect ? direct_[c] : find(c));
        at += length;
    }
    out.resize(count);
    return out;
}

}  // namespace skald::rt
