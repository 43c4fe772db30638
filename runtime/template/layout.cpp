// SPDX-License-Identifier: MIT
#include "template/layout.hpp"

#include <algorithm>
#include <cmath>

#include "template/characters.hpp"
#include "template/operators.hpp"
#include "template/print.hpp"

namespace skald::rt::jinja {
namespace {

std::string digits_of(std::uint64_t n, unsigned base, bool upper) {
    if (n == 0)
        return "0";
    const std::string_view digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    std::string out;
    for (; n != 0; n /= base)
        out += digits[n % base];
    std::ranges::reverse(out);
    return out;
}

std::string grouped(const std::string& digits, char separator) {
    const std::size_t whole = std::min(digits.find_first_of(".e"), digits.size());
    std::string out;
    for (std::size_t i = 0; i < whole; ++i) {
        if (i != 0 && (whole - i) % 3 == 0)
            out += separator;
        out += digits[i];
    }
    return out + digits.substr(whole);
}

std::string padded(std::string body, const Layout& layout, char align, std::size_t sign_size) {
    const std::size_t size = count_characters(body);
    if (size >= layout.width)
        return body;
    const std::size_t room = layout.width - size;
    const auto fill = [&](std::size_t n) {
        std::string text;
        for (std::size_t i = 0; i < n; ++i)
            append_character(text, layout.fill);
        return text;
    };
    switch (align) {
        case '<':
            return body + fill(room);
        case '^':
            return fill(room / 2) + body + fill(room - room / 2);
        case '=':
            return body.substr(0, sign_size) + fill(room) + body.substr(sign_size);
        default:
            return fill(room) + body;
    }
}

std::string float_digits(double d, const Layout& layout) {
    const char type = layout.type == 0 || layout.type == '%' ? 'f' : layout.type;
    if (!std::isfinite(d))
        return std::isnan(d) ? "nan" : "inf";
    const auto precision = static_cast<int>(layout.precision.value_or(6));
    std::string text;
    switch (type) {
        case 'e':
            text = fmt::format("{:.{}e}", d, precision);
            break;
        case 'E':
            text = fmt::format("{:.{}E}", d, precision);
            break;
        case 'g':
            text = fmt::format("{:.{}g}", d, std::max(precision, 1));
            break;
        case 'G':
            text = fmt::format("{:.{}G}", d, std::max(precision, 1));
            break;
        default:
            text = fmt::format("{:.{}f}", d, precision);
    }
    return layout.type == '%' ? text + '%' : text;
}

std::string sign_of(bool negative, const Layout& layout) {
    return negative ? "-" : layout.sign != 0 ? std::string(1, layout.sign) : "";
}

}  // namespace

std::string text_layout(std::string text, const Layout& layout) {
    if (layout.precision) {
        const auto offsets = character_offsets(text);
        text.resize(offsets[std::min(*layout.precision, offsets.size() - 1)]);
    }
    return padded(std::move(text), layout, layout.align != 0 ? layout.align : '<', 0);
}

std::string integer_layout(std::int64_t n, const Layout& layout) {
    const auto size = n < 0 ? ~static_cast<std::uint64_t>(n) + 1 : static_cast<std::uint64_t>(n);
    std::string prefix, digits;
    switch (layout.type) {
        case 'x':
        case 'X':
            digits = digits_of(size, 16, layout.type == 'X');
            prefix = layout.type == 'X' ? "0X" : "0x";
            break;
        case 'o':
            digits = digits_of(size, 8, false);
            prefix = "0o";
            break;
        case 'b':
            digits = digits_of(size, 2, false);
            prefix = "0b";
            break;
        default:
            digits = fmt::to_string(size);
    }
    if (layout.grouped || layout.underscored)
        digits = grouped(digits, layout.grouped ? ',' : '_');
    const std::string head = sign_of(n < 0, layout) + (layout.alternate ? prefix : "");
    return padded(head + digits, layout, layout.align != 0 ? layout.align : '>', head.size());
}

std::string float_layout(double d, const Layout& layout) {
    const double shown = layout.type == '%' ? d * 100 : d;
    std::string digits = layout.type == 0 && !layout.precision
                             ? float_text(std::fabs(shown))
                             : float_digits(std::fabs(shown), [&] {
                                   Layout l = layout;
                                   if (l.type == 0)
                                       l.type = 'g';
                                   return l;
                               }());
    if (layout.grouped || layout.underscored)
        digits = grouped(digits, layout.grouped ? ',' : '_');
    const std::string head = sign_of(std::signbit(shown) && !std::isnan(shown), layout);
    return padded(head + digits, layout, layout.align != 0 ? layout.align : '>', head.size());
}

std::size_t take_number(std::string_view& rest) {
    std::size_t n = 0;
    while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
        n = n * 10 + static_cast<std::size_t>(rest.front() - '0');
        if (n > kMostWidth)
            fail("a width or precision of a format is above {}", kMostWidth);
        rest.remove_prefix(1);
    }
    return n;
}

std::string laid_out(const Value& value, Layout layout, Budget& budget) {
    const bool for_text = layout.type == 0 || layout.type == 's';
    if (value.is_number() && !(value.is_bool() && for_text)) {
        if (value.is_integer() && (layout.type == 0 || is_one_of(layout.type, "dxXobn")))
            return integer_layout(value.integer(), layout);
        if (layout.type == 0 || is_one_of(layout.type, "eEfFgG%")) {
            if (layout.type == 'F')
                layout.type = 'f';
            return float_layout(value.number(), layout);
        }
        fail("Unknown format code '{}' for object of type '{}'", layout.type, type_name(value));
    }
    if (!for_text || layout.align == '=')
        fail("Unknown format code '{}' for object of type '{}'",
             layout.type != 0 ? layout.type : '=', type_name(value));
    return text_layout(str(value, budget), layout);
}

}  // namespace skald::rt::jinja
