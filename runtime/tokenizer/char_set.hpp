// SPDX-License-Identifier: MIT
// A set of characters as expressions describe them: ranges and general categories, joined,
// intersected and inverted. It is a piecewise constant function of the code point whose values are
// masks of categories, so that the operations are those of bits, and no table of all characters is
// ever made.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "tokenizer/unicode.hpp"

namespace skald::rt {

class CharSet {
  public:
    // From `first` to the next piece's: the characters of these categories.
    struct Piece {
        char32_t first;
        std::uint32_t categories;
        bool operator==(const Piece&) const = default;
    };

    CharSet() : pieces_{{0, 0}} {}  // empty
    static CharSet categories(std::uint32_t mask) { return CharSet({{0, mask}}); }
    static CharSet range(char32_t first, char32_t last);
    static CharSet everything() { return categories(unicode::kAnyCategory); }
    static CharSet space();  // \s
    static CharSet word();   // \w of Oniguruma: letters, marks, decimal digits, connectors
    // \w outside of brackets, where Oniguruma counts the superscripts and fractions of Latin-1 in.
    static CharSet word_alone();
    static CharSet digit();  // \d
    static CharSet hex();    // \h
    // "L", "Lu", "Letter", "Han", "ASCII"; nullopt for what is not known here.
    static std::optional<CharSet> property(std::string_view name);
    // "digit" of [[:digit:]].
    static std::optional<CharSet> posix(std::string_view name);

    CharSet operator|(const CharSet& o) const { return combine(o, false); }
    CharSet operator&(const CharSet& o) const { return combine(o, true); }
    CharSet operator~() const;
    bool operator==(const CharSet&) const = default;

    // With every character that differs from one of the set only in case.
    CharSet any_case() const;
    static CharSet any_case(char32_t c);

    bool contains(char32_t c) const { return contains(c, unicode::mask(unicode::category(c))); }
    // `category`: the bit of c's category.
    bool contains(char32_t c, std::uint32_t category) const;
    std::span<const Piece> pieces() const { return pieces_; }

  private:
    explicit CharSet(std::vector<Piece> pieces) : pieces_(std::move(pieces)) {}
    CharSet combine(const CharSet& other, bool both) const;

    std::vector<Piece> pieces_;  // ascending, the first at 0, no two neighbours alike
};

}  // namespace skald::rt
