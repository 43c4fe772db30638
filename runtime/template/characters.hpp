// SPDX-License-Identifier: MIT
// Text as Python sees it: characters are code points, classes and cases are Unicode's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace skald::rt::jinja {

// What is no UTF-8 becomes U+FFFD.
[[nodiscard]] std::string valid_utf8(std::string_view bytes);

// Takes one character off the front of valid UTF-8 that is not empty.
char32_t next_character(std::string_view& rest);
// ... off the back.
char32_t last_character(std::string_view& rest);
void append_character(std::string& text, char32_t character);

[[nodiscard]] std::size_t count_characters(std::string_view text);
// Where each character begins, and the end.
[[nodiscard]] std::vector<std::size_t> character_offsets(std::string_view text);

[[nodiscard]] bool is_space(char32_t c);
[[nodiscard]] bool is_line_end(char32_t c);
[[nodiscard]] bool is_letter(char32_t c);
[[nodiscard]] bool is_decimal(char32_t c);
[[nodiscard]] bool is_digit(char32_t c);    // and superscripts and the like
[[nodiscard]] bool is_numeric(char32_t c);  // and fractions, Roman numerals, ...
[[nodiscard]] bool is_upper(char32_t c);
[[nodiscard]] bool is_lower(char32_t c);
[[nodiscard]] bool is_printable(char32_t c);

[[nodiscard]] std::string to_upper(std::string_view text);
[[nodiscard]] std::string to_lower(std::string_view text);
[[nodiscard]] std::string to_title(std::string_view text);  // str.title
[[nodiscard]] std::string to_capitalized(std::string_view text);
[[nodiscard]] std::string swap_case(std::string_view text);

// Without white space at the ends, or without the characters of `set`.
[[nodiscard]] std::string_view strip_left(std::string_view text, const std::string* set = nullptr);
[[nodiscard]] std::string_view strip_right(std::string_view text, const std::string* set = nullptr);

// str.splitlines
[[nodiscard]] std::vector<std::string_view> split_lines(std::string_view text,
                                                        bool keep_ends = false);

}  // namespace skald::rt::jinja
