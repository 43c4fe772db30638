// SPDX-License-Identifier: MIT
#include "template/characters.hpp"

#include <utf8proc.h>

#include <algorithm>

namespace skald::rt::jinja {
namespace {

constexpr char32_t kReplacement = 0xfffd;

utf8proc_category_t category(char32_t c) {
    return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

bool is_continuation(char byte) {
    return (static_cast<unsigned char>(byte) & 0xc0) == 0x80;
}

char32_t upper(char32_t c) {
    return static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c)));
}
char32_t lower(char32_t c) {
    return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}
char32_t title(char32_t c) {
    return static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c)));
}

bool is_cased(char32_t c) {
    return is_upper(c) || is_lower(c) || category(c) == UTF8PROC_CATEGORY_LT;
}

constexpr char32_t kSharpS = 0xdf, kSigma = 0x3a3, kFinalSigma = 0x3c2, kDottedI = 0x130;

void append_upper(std::string& out, char32_t c, bool whole) {
    if (c == kSharpS)
        out += whole ? "SS" : "Ss";
    else
        append_character(out, whole ? upper(c) : title(c));
}

// before, after: what surrounds the character, for the sigma at the end of a word.
void append_lower(std::string& out, char32_t c, bool letter_before, std::string_view after) {
    if (c == kDottedI) {
        out += "i\xcc\x87";
    } else if (c == kSigma && letter_before) {
        std::string_view rest = after;
        append_character(out,
                         rest.empty() || !is_cased(next_character(rest)) ? kFinalSigma : lower(c));
    } else {
        append_character(out, lower(c));
    }
}

bool is_in(char32_t c, const std::string* set) {
    if (set == nullptr)
        return is_space(c);
    for (std::string_view rest = *set; !rest.empty();)
        if (next_character(rest) == c)
            return true;
    return false;
}

}  // namespace

std::string valid_utf8(std::string_view bytes) {
    std::string text;
    text.reserve(bytes.size());
    while (!bytes.empty()) {
        utf8proc_int32_t c = 0;
        const utf8proc_ssize_t n =
            utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(bytes.data()),
                             static_cast<utf8proc_ssize_t>(bytes.size()), &c);
        const std::size_t size = n > 0 ? static_cast<std::size_t>(n) : 1;
        if (n > 0)
            text += bytes.substr(0, size);
        else
            append_character(text, kReplacement);
        bytes.remove_prefix(size);
    }
    return text;
}

char32_t next_character(std::string_view& rest) {
    utf8proc_int32_t c = 0;
    const utf8proc_ssize_t n =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(rest.data()),
                         static_cast<utf8proc_ssize_t>(rest.size()), &c);
    rest.remove_prefix(n > 0 ? static_cast<std::size_t>(n) : 1);
    return n > 0 ? static_cast<char32_t>(c) : kReplacement;
}

char32_t last_character(std::string_view& rest) {
    std::size_t at = rest.size() - 1;
    while (at > 0 && is_continuation(rest[at]))
        --at;
    std::string_view character = rest.substr(at);
    rest = rest.substr(0, at);
    return next_character(character);
}

void append_character(std::string& text, char32_t character) {
    utf8proc_uint8_t bytes[4];
    const bool good = utf8proc_codepoint_valid(static_cast<utf8proc_int32_t>(character));
    const utf8proc_ssize_t n =
        utf8proc_encode_char(static_cast<utf8proc_int32_t>(good ? character : kReplacement), bytes);
    text.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(n));
}

std::size_t count_characters(std::string_view text) {
    return text.size() - static_cast<std::size_t>(std::ranges::count_if(text, is_continuation));
}

std::vector<std::size_t> character_offsets(std::string_view text) {
    std::vector<std::size_t> offsets;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (!is_continuation(text[i]))
            offsets.push_back(i);
    offsets.push_back(text.size());
    return offsets;
}

bool is_space(char32_t c) {
    if (c < 0x80)
        return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20);
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool is_line_end(char32_t c) {
    return (c >= 10 && c <= 13) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 ||
           c == 0x2029;
}

bool is_letter(char32_t c) {
    const auto kind = category(c);
    return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

bool is_decimal(char32_t c) {
    return category(c) == UTF8PROC_CATEGORY_ND;
}

bool is_digit(char32_t c) {
    return is_decimal(c) || c == 0xb2 || c == 0xb3 || c == 0xb9 || c == 0x2070 ||
           (c >= 0x2074 && c <= 0x2079) || (c >= 0x2080 && c <= 0x2089) ||
           (c >= 0x2460 && c <= 0x2468);
}

bool is_numeric(char32_t c) {
    const auto kind = category(c);
    return kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO;
}

bool is_upper(char32_t c) {
    return category(c) == UTF8PROC_CATEGORY_LU;
}

bool is_lower(char32_t c) {
    return category(c) == UTF8PROC_CATEGORY_LL || c == 0xaa || c == 0xba;
}

bool is_printable(char32_t c) {
    if (c < 0x80)
        return c >= 0x20 && c < 0x7f;
    switch (category(c)) {
        case UTF8PROC_CATEGORY_CN:
        case UTF8PROC_CATEGORY_CC:
        case UTF8PROC_CATEGORY_CF:
        case UTF8PROC_CATEGORY_CS:
        case UTF8PROC_CATEGORY_CO:
        case UTF8PROC_CATEGORY_ZS:
        case UTF8PROC_CATEGORY_ZL:
        case UTF8PROC_CATEGORY_ZP:
            return false;
        default:
            return true;
    }
}

std::string to_upper(std::string_view text) {
    std::string out;
    while (!text.empty())
        append_upper(out, next_character(text), true);
    return out;
}

std::string to_lower(std::string_view text) {
    std::string out;
    for (bool cased = false; !text.empty();) {
        const char32_t c = next_character(text);
        append_lower(out, c, cased, text);
        cased = is_cased(c);
    }
    return out;
}

std::string to_title(std::string_view text) {
    std::string out;
    for (bool cased = false; !text.empty();) {
        const char32_t c = next_character(text);
        if (cased)
            append_lower(out, c, cased, text);
        else
            append_upper(out, c, false);
        cased = is_cased(c);
    }
    return out;
}

std::string to_capitalized(std::string_view text) {
    std::string out;
    if (text.empty())
        return out;
    append_upper(out, next_character(text), false);
    return out + to_lower(text);
}

std::string swap_case(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const char32_t c = next_character(text);
        if (is_upper(c))
            append_character(out, lower(c));
        else
            append_upper(out, c, true);
    }
    return out;
}

std::string_view strip_left(std::string_view text, const std::string* set) {
    while (!text.empty()) {
        std::string_view rest = text;
        if (!is_in(next_character(rest), set))
            break;
        text = rest;
    }
    return text;
}

std::string_view strip_right(std::string_view text, const std::string* set) {
    while (!text.empty()) {
        std::string_view rest = text;
        if (!is_in(last_character(rest), set))
            break;
        text = rest;
    }
    return text;
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
    std::vector<std::string_view> lines;
    std::string_view rest = text;
    while (!text.empty()) {
        rest = text;
        std::size_t line = text.size(), next = text.size();
        while (!rest.empty()) {
            const std::size_t at = text.size() - rest.size();
            const char32_t c = next_character(rest);
            if (!is_line_end(c))
                continue;
            if (c == '\r' && rest.starts_with('\n'))
                rest.remove_prefix(1);
            line = at;
            next = text.size() - rest.size();
            break;
        }
        lines.push_back(text.substr(0, keep_ends ? next : line));
        text.remove_prefix(next);
    }
    return lines;
}

}  // namespace skald::rt::jinja
