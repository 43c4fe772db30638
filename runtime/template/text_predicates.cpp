// SPDX-License-Identifier: MIT
// str.isdigit and its like.
#include <array>

#include "template/characters.hpp"
#include "template/machine.hpp"
#include "template/methods.hpp"

namespace skald::rt::jinja {
namespace {

bool is_alphanumeric(char32_t c) {
    return is_letter(c) || is_digit(c) || is_numeric(c);
}

template <bool (*kIs)(char32_t), bool kOfEmpty = false>
Value all_are(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters none("isdigit", arguments, {});
    std::string_view rest = self.bytes();
    machine.budget().tick(1 + rest.size());
    if (rest.empty())
        return Value(kOfEmpty);
    while (!rest.empty())
        if (!kIs(next_character(rest)))
            return Value(false);
    return Value(true);
}

// At least one that has a case, and none of the other.
template <bool (*kIs)(char32_t), bool (*kOther)(char32_t)>
Value in_case(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters none("isupper", arguments, {});
    std::string_view rest = self.bytes();
    machine.budget().tick(1 + rest.size());
    bool some = false;
    while (!rest.empty()) {
        const char32_t c = next_character(rest);
        if (kOther(c))
            return Value(false);
        some = some || kIs(c);
    }
    return Value(some);
}

Value istitle(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters none("istitle", arguments, {});
    std::string_view rest = self.bytes();
    machine.budget().tick(1 + rest.size());
    bool cased = false, some = false;
    while (!rest.empty()) {
        const char32_t c = next_character(rest);
        if ((is_upper(c) && cased) || (is_lower(c) && !cased))
            return Value(false);
        cased = is_upper(c) || is_lower(c);
        some = some || cased;
    }
    return Value(some);
}

bool is_ascii(char32_t c) {
    return c < 0x80;
}

Value isidentifier(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters none("isidentifier", arguments, {});
    std::string_view rest = self.bytes();
    machine.budget().tick(1 + rest.size());
    bool good = !rest.empty();
    for (bool first = true; good && !rest.empty(); first = false) {
        const char32_t c = next_character(rest);
        good = c == '_' || is_letter(c) || (!first && is_decimal(c));
    }
    return Value(good);
}

constexpr std::array kPredicates = std::to_array<MethodEntry>({
    {"isalnum", all_are<is_alphanumeric>},
    {"isalpha", all_are<is_letter>},
    {"isascii", all_are<is_ascii, true>},
    {"isdecimal", all_are<is_decimal>},
    {"isdigit", all_are<is_digit>},
    {"isidentifier", isidentifier},
    {"islower", in_case<is_lower, is_upper>},
    {"isnumeric", all_are<is_numeric>},
    {"isprintable", all_are<is_printable, true>},
    {"isspace", all_are<is_space>},
    {"istitle", istitle},
    {"isupper", in_case<is_upper, is_lower>},
});

}  // namespace

std::span<const MethodEntry> text_predicates() {
    return kPredicates;
}

}  // namespace skald::rt::jinja
