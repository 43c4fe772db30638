// SPDX-License-Identifier: MIT
#include "tokenizer/byte_level.hpp"

#include <array>
#include <cstdint>

#include "tokenizer/utf8.hpp"

namespace skald::rt::byte_level {
namespace {

constexpr bool stands_for_itself(unsigned b) {
    return (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
}

struct Tables {
    std::array<std::string, 256> of_byte;
    std::array<std::int16_t, 0x144> of_char;  // the alphabet ends at U+0143

    Tables() {
        of_char.fill(-1);
        char32_t next = 0x100;
        for (unsigned b = 0; b < 256; ++b) {
            const char32_t c = stands_for_itself(b) ? b : next++;
            of_byte[b] = utf8::encode(c);
            of_char[c] = static_cast<std::int16_t>(b);
        }
    }
};

const Tables& tables() {
    static const Tables t;
    return t;
}

}  // namespace

std::string encode(std::string_view bytes) {
    const Tables& t = tables();
    std::string out;
    out.reserve(bytes.size() * 5 / 4);
    for (unsigned char b : bytes)
        out += t.of_byte[b];
    return out;
}

std::optional<std::string> decode(std::string_view text) {
    const Tables& t = tables();
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const utf8::Scan s = utf8::scan(text);
        if (s.prefix != utf8::Prefix::kWhole || s.length > 2)
            return std::nullopt;
        const auto b0 = static_cast<unsigned char>(text[0]);
        const char32_t c =
            s.length == 1 ? b0
                          : ((b0 & 0x1Fu) << 6) | (static_cast<unsigned char>(text[1]) & 0x3Fu);
        if (c >= t.of_char.size() || t.of_char[c] < 0)
            return std::nullopt;
        out += static_cast<char>(t.of_char[c]);
        text.remove_prefix(s.length);
    }
    return out;
}

}  // namespace skald::rt::byte_level
