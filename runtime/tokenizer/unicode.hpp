// SPDX-License-Identifier: MIT
// What Unicode says about characters, from utf8proc: general categories, normal forms, lower case.
// Everything in this library that needs a property of a character asks here, so that ids depend on
// no other library's tables.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace skald::rt::unicode {

inline constexpr char32_t kLast = 0x10FFFF;

// General categories by number, and as bits of a mask.
enum class Category : std::uint8_t {
    Cn,
    Lu,
    Ll,
    Lt,
    Lm,
    Lo,
    Mn,
    Mc,
    Me,
    Nd,
    Nl,
    No,
    Pc,
    Pd,
    Ps,
    Pe,
    Pi,
    Pf,
    Po,
    Sm,
    Sc,
    Sk,
    So,
    Zs,
    Zl,
    Zp,
    Cc,
    Cf,
    Cs,
    Co
};
inline constexpr unsigned kCategories = 30;
inline constexpr std::uint32_t kAnyCategory = (1u << kCategories) - 1;

constexpr std::uint32_t mask(Category c) {
    return 1u << static_cast<unsigned>(c);
}
template <typename... More>
constexpr std::uint32_t mask(Category c, More... more) {
    return mask(c) | mask(more...);
}

inline constexpr std::uint32_t kNonspacingMark = mask(Category::Mn);
inline constexpr std::uint32_t kMark = mask(Category::Mn, Category::Mc, Category::Me);

Category category(char32_t c);

// White_Space, the property: 25 characters that no version has changed since 6.3.
bool is_space(char32_t c);

// How upper and lower case compare (simple case folding).
char32_t fold(char32_t c);
// The folding of this character is more than one character.
bool folds_to_several(char32_t c);

enum class Form : std::uint8_t { kNfc, kNfd, kNfkc, kNfkd };

// These take and give well-formed UTF-8.
std::string normalize(Form form, std::string text);
// Each character by itself: no final sigma, no language.
std::string lowercase(std::string_view text);
// Without characters of the categories of a mask.
std::string without(std::string_view text, std::uint32_t categories);

// Length in bytes of the first grapheme cluster of `text`, which must not be empty.
std::size_t grapheme_length(std::string_view text);

}  // namespace skald::rt::unicode
