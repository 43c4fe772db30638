// SPDX-License-Identifier: MIT
#include "template/string_literal.hpp"

#include <algorithm>
#include <charconv>

#include "template/characters.hpp"
#include "template/error.hpp"

namespace skald::rt::jinja {
namespace {

// \xHH, \uHHHH, \UHHHHHHHH
void append_number(std::string& out, std::string_view& rest, std::size_t digits,
                   std::uint32_t line) {
    std::uint32_t code = 0;
    const std::string_view text = rest.substr(0, digits);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code, 16);
    if (text.size() != digits || error != std::errc() || end != text.data() + text.size())
        fail_at(line, "truncated escape of {} digits in a string", digits);
    if (code > 0x10ffff)
        fail_at(line, "no such character: U+{:X}", code);
    append_character(out, code);
    rest.remove_prefix(digits);
}

void append_octal(std::string& out, std::string_view& rest) {
    std::uint32_t code = 0;
    std::size_t n = 0;
    while (n < 3 && n < rest.size() && rest[n] >= '0' && rest[n] <= '7')
        code = code * 8 + static_cast<std::uint32_t>(rest[n++] - '0');
    append_character(out, code);
    rest.remove_prefix(n);
}

}  // namespace

std::string unescaped(std::string_view literal, std::uint32_t line) {
    std::string out;
    while (!literal.empty()) {
        const std::size_t plain = std::min(literal.find('\\'), literal.size());
        out += literal.substr(0, plain);
        literal.remove_prefix(plain);
        if (literal.size() < 2)
            break;
        const char c = literal[1];
        constexpr std::string_view kLetters = "\\'\"abfnrtv", kMeant = "\\'\"\a\b\f\n\r\t\v";
        const std::size_t letter = kLetters.find(c);
        if (c >= '0' && c <= '7') {
            literal.remove_prefix(1);
            append_octal(out, literal);
            continue;
        }
        literal.remove_prefix(2);
        if (letter != std::string_view::npos)
            out += kMeant[letter];
        else if (c == 'x')
            append_number(out, literal, 2, line);
        else if (c == 'u')
            append_number(out, literal, 4, line);
        else if (c == 'U')
            append_number(out, literal, 8, line);
        else if (c != '\n')
            (out += '\\') += c;
    }
    return out;
}

}  // namespace skald::rt::jinja
