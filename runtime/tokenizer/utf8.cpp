// SPDX-License-Identifier: MIT
#include "tokenizer/utf8.hpp"

#include "tokenizer/unicode.hpp"

namespace skald::rt::utf8 {

Scan scan(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80)
        return {Prefix::kWhole, 1};
    std::size_t length = 0;
    // The second byte's range excludes overlong forms, surrogates and values above U+10FFFF.
    unsigned char low = 0x80, high = 0xBF;
    if (first >= 0xC2 && first <= 0xDF) {
        length = 2;
    } else if (first >= 0xE0 && first <= 0xEF) {
        length = 3;
        low = first == 0xE0 ? 0xA0 : low;
        high = first == 0xED ? 0x9F : high;
    } else if (first >= 0xF0 && first <= 0xF4) {
        length = 4;
        low = first == 0xF0 ? 0x90 : low;
        high = first == 0xF4 ? 0x8F : high;
    } else {
        return {Prefix::kInvalid, 1};
    }
    for (std::size_t i = 1; i < length; ++i) {
        if (i == text.size())
            return {Prefix::kIncomplete, i};
        if (byte(i) < low || byte(i) > high)
            return {Prefix::kInvalid, i};
        low = 0x80;
        high = 0xBF;
    }
    return {Prefix::kWhole, length};
}

bool well_formed(std::string_view text) {
    while (!text.empty()) {
        const Scan s = scan(text);
        if (s.prefix != Prefix::kWhole)
            return false;
        text.remove_prefix(s.length);
    }
    return true;
}

std::string sanitize(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const Scan s = scan(text);
        out += s.prefix == Prefix::kWhole ? text.substr(0, s.length) : kReplacement;
        text.remove_prefix(s.length);
    }
    return out;
}

std::string encode(char32_t c) {
    const auto tail = [c](int shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
    if (c < 0x80)
        return {static_cast<char>(c)};
    if (c < 0x800)
        return {static_cast<char>(0xC0 | (c >> 6)), tail(0)};
    if (c < 0x10000)
        return {static_cast<char>(0xE0 | (c >> 12)), tail(6), tail(0)};
    return {static_cast<char>(0xF0 | (c >> 18)), tail(12), tail(6), tail(0)};
}

char32_t decode(std::string_view c) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(c[i]); };
    if (c.size() == 1)
        return byte(0);
    char32_t value = byte(0) & (0xFFu >> (c.size() + 1));
    for (std::size_t i = 1; i < c.size(); ++i)
        value = value << 6 | (byte(i) & 0x3Fu);
    return value;
}

std::string_view trim_left(std::string_view text) {
    while (!text.empty()) {
        const Scan s = scan(text);
        if (s.prefix != Prefix::kWhole || !unicode::is_space(decode(text.substr(0, s.length))))
            break;
        text.remove_prefix(s.length);
    }
    return text;
}

std::string_view trim_right(std::string_view text) {
    while (!text.empty()) {
        std::size_t begin = text.size() - 1;
        while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80)
            --begin;
        const std::string_view last = text.substr(begin);
        const Scan s = scan(last);
        if (s.prefix != Prefix::kWhole || s.length != last.size() ||
            !unicode::is_space(decode(last)))
            break;
        text.remove_suffix(last.size());
    }
    return text;
}

}  // namespace skald::rt::utf8
