// SPDX-License-Identifier: MIT
// UTF-8 by hand: how long a character is, whether it is well formed, and making a text well formed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace skald::rt::utf8 {

inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

enum class Prefix : std::uint8_t {
    kWhole,       // `length` bytes are a well-formed character
    kIncomplete,  // all that is there (`length` bytes) could begin a character
    kInvalid,     // the first `length` bytes belong to no character
};

struct Scan {
    Prefix prefix;
    std::size_t length;  // bytes, never 0
};

// Looks at the first character of `text`, which must not be empty. An invalid run is as long as the
// Unicode standard's "maximal subpart", so that each yields one U+FFFD.
Scan scan(std::string_view text);

bool well_formed(std::string_view text);

// Each ill-formed run of bytes becomes one U+FFFD.
std::string sanitize(std::string_view text);

// The bytes of one code point (which must be a Unicode scalar value).
std::string encode(char32_t c);

// The code point of one well-formed character.
char32_t decode(std::string_view character);

// How many bytes the well-formed character has that begins with this byte.
constexpr std::size_t length(char first) {
    const auto byte = static_cast<unsigned char>(first);
    return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

// The text without white space (Unicode's White_Space property) at its beginning or end; it must be
// well formed.
std::string_view trim_left(std::string_view text);
std::string_view trim_right(std::string_view text);

}  // namespace skald::rt::utf8
