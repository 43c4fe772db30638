// SPDX-License-Identifier: MIT
// Filters that make numbers, and `default`.
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "template/access.hpp"
#include "template/characters.hpp"
#include "template/filters.hpp"
#include "template/machine.hpp"
#include "template/operators.hpp"
#include "template/print.hpp"

namespace skald::rt::jinja {
namespace {

// "1_000" is 1000, "1__0" and "_1" are nothing.
std::optional<std::string> without_marks(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool digit_before = i > 0 && std::isalnum(static_cast<unsigned char>(text[i - 1]));
        const bool digit_after =
            i + 1 < text.size() && std::isalnum(static_cast<unsigned char>(text[i + 1]));
        if (text[i] != '_')
            out += text[i];
        else if (!digit_before || !digit_after)
            return std::nullopt;
    }
    return out;
}

std::optional<std::int64_t> parse_integer(std::string_view text, int base) {
    const auto plain = without_marks(strip_right(strip_left(text)));
    if (!plain)
        return std::nullopt;
    std::string_view rest = *plain;
    const bool negative = rest.starts_with('-');
    if (negative || rest.starts_with('+'))
        rest.remove_prefix(1);
    const auto prefixed = [&](char letter, int its_base) {
        if (rest.size() < 2 || rest[0] != '0' || (rest[1] | 0x20) != letter ||
            (base != 0 && base != its_base))
            return;
        base = its_base;
        rest.remove_prefix(2);
    };
    prefixed('x', 16);
    prefixed('o', 8);
    prefixed('b', 2);
    std::uint64_t size = 0;
    const auto [end, error] =
        std::from_chars(rest.data(), rest.data() + rest.size(), size, base == 0 ? 10 : base);
    if (error == std::errc::result_out_of_range)
        fail("an integer becomes larger than 64 bits");
    if (error != std::errc() || end != rest.data() + rest.size())
        return std::nullopt;
    if (size > (std::uint64_t{1} << 63) - (negative ? 0 : 1))
        fail("an integer becomes larger than 64 bits");
    return static_cast<std::int64_t>(negative ? ~size + 1 : size);
}

std::optional<double> parse_float(std::string_view text) {
    const auto plain = without_marks(strip_right(strip_left(text)));
    if (!plain || plain->empty() || plain->find_first_of("xXpP(") != std::string::npos)
        return std::nullopt;
    char* end = nullptr;
    const double d = std::strtod(plain->c_str(), &end);
    const bool whole = end == plain->c_str() + plain->size() && end != plain->c_str() &&
                       !is_space(static_cast<unsigned char>(plain->front()));
    return whole ? std::optional(d) : std::nullopt;
}

std::optional<std::int64_t> truncated(double d) {
    if (!std::isfinite(d))
        return std::nullopt;
    if (!(std::fabs(d) < 9223372036854775808.0))
        fail("an integer becomes larger than 64 bits");
    return static_cast<std::int64_t>(d);
}

Value to_int(Machine&, const Value& value, const Arguments& arguments) {
    const Parameters p("int", arguments, {"default", "base"});
    check_defined(value);
    const std::int64_t base = p.integer(1, 10);
    if (base != 0 && (base < 2 || base > 36))
        fail("int() base must be >= 2 and <= 36, or 0");
    std::optional<std::int64_t> n;
    if (value.is_integer()) {
        n = value.integer();
    } else if (value.is_float()) {
        n = truncated(value.number());
    } else if (value.is_text()) {
        n = parse_integer(value.bytes(), static_cast<int>(base));
        if (!n)
            if (const auto d = parse_float(value.bytes()))
                n = truncated(*d);
    }
    return n ? Value(*n) : p.has(0) ? p[0] : Value(std::int64_t{0});
}

Value to_float(Machine&, const Value& value, const Arguments& arguments) {
    const Parameters p("float", arguments, {"default"});
    check_defined(value);
    if (value.is_number())
        return Value(value.number());
    if (value.is_text())
        if (const auto d = parse_float(value.bytes()))
            return Value(*d);
    return p.has(0) ? p[0] : Value(0.0);
}

Value absolute(Machine&, const Value& value, const Arguments& arguments) {
    const Parameters none("abs", arguments, {});
    check_defined(value);
    if (!value.is_number())
        fail("bad operand type for abs(): '{}'", type_name(value));
    if (value.is_float())
        return Value(std::fabs(value.number()));
    return value.integer() < 0 ? negate(value) : plus(value);
}

// To the nearest with so many decimals, ties of the exact number to even.
double round_decimals(double d, std::int64_t decimals) {
    if (!std::isfinite(d) || decimals > 300)
        return d;
    if (decimals < -300)
        return 0;
    if (decimals >= 0)
        return std::strtod(fmt::format("{:.{}f}", d, decimals).c_str(), nullptr);
    const double unit = std::pow(10.0, static_cast<double>(-decimals));
    return std::nearbyint(d / unit) * unit;
}

Value round(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters p("round", arguments, {"precision", "method"});
    check_defined(value);
    if (!value.is_number())
        fail("type {} doesn't define __round__ method", type_name(value));
    const std::string method = p.has(1) ? str(p[1], machine.budget()) : "common";
    const std::int64_t precision = p.integer(0, 0);
    if (method == "common") {
        if (value.is_float())
            return Value(round_decimals(value.number(), precision));
        if (precision >= 0)
            return plus(value);
        return Value(static_cast<std::int64_t>(round_decimals(value.number(), precision)));
    }
    if (method != "ceil" && method != "floor")
        fail("method must be common, ceil or floor");
    const double unit = std::pow(10.0, static_cast<double>(precision));
    const double scaled = value.number() * unit;
    return Value((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / unit);
}

Value filesizeformat(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters p("filesizeformat", arguments, {"binary"});
    const Value number = to_float(machine, value, {});
    const double bytes = number.number(), base = p.flag(0) ? 1024 : 1000;
    if (bytes == 1)
        return Value::text("1 Byte");
    if (bytes < base)
        return Value::text(fmt::format("{} Bytes", static_cast<std::int64_t>(bytes)));
    constexpr std::string_view kLetters = "KMGTPEZY";
    double unit = base;
    std::size_t i = 0;
    while (i + 1 < kLetters.size() && bytes >= unit * base) {
        unit *= base;
        ++i;
    }
    const char letter = i == 0 && !p.flag(0) ? 'k' : kLetters[i];
    return Value::text(fmt::format("{:.1f} {}{}", bytes / unit, letter, p.flag(0) ? "iB" : "B"));
}

Value wordcount(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters none("wordcount", arguments, {});
    const std::string text = str(value, machine.budget());
    machine.budget().tick(text.size());
    std::int64_t n = 0;
    bool inside = false;
    for (std::string_view rest = text; !rest.empty();) {
        const char32_t c = next_character(rest);
        const bool word = c == '_' || is_letter(c) || is_numeric(c);
        n += word && !inside ? 1 : 0;
        inside = word;
    }
    return Value(n);
}

Value length(Machine&, const Value& value, const Arguments& arguments) {
    const Parameters none("length", arguments, {});
    const auto size = find_length(value);
    if (!size)
        fail("object of type '{}' has no len()", type_name(value));
    return Value::size(*size);
}

Value otherwise(Machine&, const Value& value, const Arguments& arguments) {
    const Parameters p("default", arguments, {"default_value", "boolean"});
    if (value.is_missing() || (p.flag(1) && !truth(value)))
        return p.has(0) ? p[0] : Value::text("");
    return value;
}

constexpr std::array kFilters = std::to_array<FilterEntry>({
    {"abs", absolute},
    {"count", length},
    {"d", otherwise},
    {"default", otherwise},
    {"filesizeformat", filesizeformat},
    {"float", to_float},
    {"int", to_int},
    {"length", length},
    {"round", round},
    {"wordcount", wordcount},
});

}  // namespace

std::span<const FilterEntry> number_filters() {
    return kFilters;
}

}  // namespace skald::rt::jinja
