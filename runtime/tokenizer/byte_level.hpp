// SPDX-License-Identifier: MIT
// The byte-level alphabet: 256 printable characters that stand for the 256 bytes, so that a
// vocabulary of text can hold any bytes. Printable Latin-1 characters stand for themselves, the
// other bytes, in order, for U+0100 and up. It is GPT-2's (bytes_to_unicode of its encoder.py).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace skald::rt::byte_level {

// Every byte as its character.
std::string encode(std::string_view bytes);

// The reverse; nullopt if a character does not stand for a byte.
std::optional<std::string> decode(std::string_view text);

}  // namespace skald::rt::byte_level
