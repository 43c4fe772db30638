// SPDX-License-Identifier: MIT
// Methods of texts: Python's str.
#include <algorithm>
#include <array>
#include <limits>

#include "template/access.hpp"
#include "template/brace_format.hpp"
#include "template/characters.hpp"
#include "template/machine.hpp"
#include "template/methods.hpp"
#include "template/operators.hpp"
#include "template/print.hpp"

namespace skald::rt::jinja {
namespace {

const std::string& text_of(std::string_view function, const Value& value) {
    check_defined(value);
    if (!value.is_text())
        fail("{}() argument must be str, not {}", function, type_name(value));
    return value.bytes();
}

Value made(Machine& machine, std::string text) {
    return made_text(std::move(text), machine.budget());
}

Value made_list(Machine& machine, const std::vector<std::string_view>& parts) {
    std::vector<Value> items;
    for (const std::string_view part : parts)
        items.push_back(made(machine, std::string(part)));
    machine.budget().make(items.size() * sizeof(Value));
    return Value::list(std::move(items));
}

// Bytes [begin, end) of the characters [begin, end) that the arguments say, as slices do.
std::string_view part_of(const std::string& text, const Parameters& p, std::size_t first,
                         std::size_t& offset) {
    const auto offsets = character_offsets(text);
    const auto n = static_cast<std::int64_t>(offsets.size()) - 1;
    const auto place = [&](std::size_t i, std::int64_t otherwise) {
        std::int64_t at = p.none(i) ? otherwise : p.integer(i, otherwise);
        return at < 0 ? std::max<std::int64_t>(at + n, 0) : at;
    };
    const std::int64_t begin = place(first, 0), end = std::min(place(first + 1, n), n);
    offset = static_cast<std::size_t>(begin);
    if (begin > end)
        return {};
    return std::string_view(text).substr(
        offsets[static_cast<std::size_t>(begin)],
        offsets[static_cast<std::size_t>(end)] - offsets[static_cast<std::size_t>(begin)]);
}

// ---- find, count, replace ----------------------------------------------------------------------

template <bool kLast>
std::int64_t found_at(const Value& self, const Arguments& arguments, std::string_view name) {
    const Parameters p(name, arguments, {"sub", "start", "end"}, 1);
    const std::string& sub = text_of(name, p[0]);
    std::size_t offset = 0;
    const std::string_view part = part_of(self.bytes(), p, 1, offset);
    if (part.data() == nullptr && (!sub.empty() || offset > count_characters(self.bytes())))
        return -1;
    const std::size_t at = kLast ? part.rfind(sub) : part.find(sub);
    if (at == std::string_view::npos)
        return -1;
    return static_cast<std::int64_t>(offset + count_characters(part.substr(0, at)));
}

template <bool kLast, bool kThrows>
Value find(Machine& machine, const Value& self, const Arguments& arguments) {
    machine.budget().tick(1 + self.bytes().size() / 16);
    const std::int64_t at = found_at<kLast>(self, arguments, kLast ? "rfind" : "find");
    if (kThrows && at < 0)
        fail("substring not found");
    return Value(at);
}

Value count(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters p("count", arguments, {"sub", "start", "end"}, 1);
    const std::string& sub = text_of("count", p[0]);
    machine.budget().tick(1 + self.bytes().size() / 16);
    std::size_t offset = 0;
    const std::string_view part = part_of(self.bytes(), p, 1, offset);
    if (sub.empty())
        return Value::size(count_characters(part) + 1);
    std::int64_t n = 0;
    for (std::size_t at = part.find(sub); at != std::string_view::npos;
         at = part.find(sub, at + sub.size()))
        ++n;
    return Value(n);
}

std::size_t limit_of(std::int64_t n) {
    return n < 0 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(n);
}

std::string replaced(Machine& machine, const std::string& text, const std::string& from,
                     const std::string& to, std::size_t most) {
    std::string out;
    std::string_view rest = text;
    const auto put = [&](std::string_view part) {
        machine.budget().tick();
        out += part;
        machine.budget().check_output(out.size());
    };
    for (; most != 0; --most) {
        if (from.empty()) {
            put(to);
            if (rest.empty())
                break;
            const std::string_view before = rest;
            (void)next_character(rest);
            put(before.substr(0, before.size() - rest.size()));
            continue;
        }
        const std::size_t at = rest.find(from);
        if (at == std::string_view::npos)
            break;
        put(rest.substr(0, at));
        put(to);
        rest.remove_prefix(at + from.size());
    }
    return out + std::string(rest);
}

Value replace(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters p("replace", arguments, {"old", "new", "count"}, 2);
    return made(machine,
                replaced(machine, self.bytes(), text_of("replace", p[0]), text_of("replace", p[1]),
                         limit_of(p.none(2) ? -1 : p.integer(2, -1))));
}

template <bool kEnd>
Value begins_or_ends(Machine& machine, const Value& self, const Arguments& arguments) {
    const std::string_view name = kEnd ? "endswith" : "startswith";
    const Parameters p(name, arguments, {"prefix", "start", "end"}, 1);
    machine.budget().tick();
    std::string_view part = self.bytes();
    std::size_t offset = 0;
    if (p.has(1))
        part = part_of(self.bytes(), p, 1, offset);
    const auto fits = [&](const Value& value) {
        const std::string& other = text_of(name, value);
        return kEnd ? part.ends_with(other) : part.starts_with(other);
    };
    const Sequence* several = p[0].as_sequence();
    if (several != nullptr && several->kind == SequenceKind::kTuple)
        return Value(std::ranges::any_of(several->items, fits));
    return Value(fits(p[0]));
}

template <bool kEnd>
Value remove_fix(Machine& machine, const Value& self, const Arguments& arguments) {
    const std::string_view name = kEnd ? "removesuffix" : "removeprefix";
    const Parameters p(name, arguments, {"fix"}, 1);
    const std::string& fix = text_of(name, p[0]);
    std::string_view text = self.bytes();
    if (kEnd && text.ends_with(fix))
        text.remove_suffix(fix.size());
    else if (!kEnd && text.starts_with(fix))
        text.remove_prefix(fix.size());
    return made(machine, std::string(text));
}

// ---- split, join -------------------------------------------------------------------------------

std::vector<std::string_view> split_at(std::string_view text, const std::string& separator,
                                       std::size_t most) {
    std::vector<std::string_view> parts;
    for (; most != 0; --most) {
        const std::size_t at = text.find(separator);
        if (at == std::string_view::npos)
            break;
        parts.push_back(text.substr(0, at));
        text.remove_prefix(at + separator.size());
    }
    parts.push_back(text);
    return parts;
}

std::vector<std::string_view> split_at_last(std::string_view text, const std::string& separator,
                                            std::size_t most) {
    std::vector<std::string_view> parts;
    for (; most != 0; --most) {
        const std::size_t at = text.rfind(separator);
        if (at == std::string_view::npos)
            break;
        parts.push_back(text.substr(at + separator.size()));
        text = text.substr(0, at);
    }
    parts.push_back(text);
    std::ranges::reverse(parts);
    return parts;
}

std::vector<std::string_view> split_words(std::string_view text, std::size_t most) {
    std::vector<std::string_view> words;
    for (text = strip_left(text); !text.empty(); text = strip_left(text)) {
        if (most-- == 0) {
            words.push_back(text);
            break;
        }
        std::string_view rest = text;
        std::size_t end = text.size();
        while (!rest.empty()) {
            const std::size_t at = text.size() - rest.size();
            if (is_space(next_character(rest))) {
                end = at;
                break;
            }
        }
        words.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return words;
}

std::vector<std::string_view> split_words_last(std::string_view text, std::size_t most) {
    std::vector<std::string_view> words;
    for (text = strip_right(text); !text.empty(); text = strip_right(text)) {
        if (most-- == 0) {
            words.push_back(text);
            break;
        }
        std::string_view rest = text;
        std::size_t begin = 0;
        while (!rest.empty()) {
            const std::size_t after = rest.size();
            if (is_space(last_character(rest))) {
                begin = after;
                break;
            }
        }
        words.push_back(text.substr(begin));
        text = text.substr(0, begin);
    }
    std::ranges::reverse(words);
    return words;
}

template <bool kLast>
Value split(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters p(kLast ? "rsplit" : "split", arguments, {"sep", "maxsplit"});
    machine.budget().tick(1 + self.bytes().size() / 4);
    const std::size_t most = limit_of(p.integer(1, -1));
    if (p.none(0))
        return made_list(machine, kLast ? split_words_last(self.bytes(), most)
                                        : split_words(self.bytes(), most));
    const std::string& separator = text_of("split", p[0]);
    if (separator.empty())
        fail("empty separator");
    return made_list(machine, kLast ? split_at_last(self.bytes(), separator, most)
                                    : split_at(self.bytes(), separator, most));
}

template <bool kLast>
Value partition(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters p(kLast ? "rpartition" : "partition", arguments, {"sep"}, 1);
    const std::string& separator = text_of("partition", p[0]);
    if (separator.empty())
        fail("empty separator");
    const std::string& text = self.bytes();
    const std::size_t at = kLast ? text.rfind(separator) : text.find(separator);
    std::array<std::string, 3> parts;
    if (at != std::string::npos)
        parts = {text.substr(0, at), separator, text.substr(at + separator.size())};
    else
        parts[kLast ? 2 : 0] = text;
    std::vector<Value> items;
    for (std::string& part : parts)
        items.push_back(made(machine, std::move(part)));
    return Value::tuple(std::move(items));
}

Value splitlines(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters p("splitlines", arguments, {"keepends"});
    machine.budget().tick(1 + self.bytes().size() / 4);
    return made_list(machine, split_lines(self.bytes(), p.flag(0)));
}

Value join(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters p("join", arguments, {"iterable"}, 1);
    Items items(p[0], [] { fail("can only join an iterable"); });
    std::string out;
    for (std::size_t i = 0;; ++i) {
        const auto item = items.next();
        if (!item)
            break;
        if (!item->is_text())
            fail("sequence item {}: expected str instance, {} found", i, type_name(*item));
        machine.budget().tick();
        if (i != 0)
            out += self.bytes();
        out += item->bytes();
        machine.budget().check_output(out.size());
    }
    return made(machine, std::move(out));
}

// ---- strip, pad --------------------------------------------------------------------------------

template <bool kLeft, bool kRight>
Value strip(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters p("strip", arguments, {"chars"});
    const std::string* set = p.none(0) ? nullptr : &text_of("strip", p[0]);
    machine.budget().tick(1 + (set != nullptr ? set->size() : 0) * self.bytes().size() / 16);
    std::string_view text = self.bytes();
    if (kLeft)
        text = strip_left(text, set);
    if (kRight)
        text = strip_right(text, set);
    return made(machine, std::string(text));
}

template <char kAlign>
Value pad(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters p("center", arguments, {"width", "fillchar"}, 1);
    std::string_view fill = p.has(1) ? std::string_view(text_of("center", p[1])) : " ";
    if (count_characters(fill) != 1)
        fail("The fill character must be exactly one character long");
    const std::size_t size = count_characters(self.bytes());
    const auto width = static_cast<std::size_t>(std::max<std::int64_t>(p.integer(0, 0), 0));
    if (width <= size)
        return self;
    const std::size_t room = width - size;
    // Python's center leans left or right by whether the width is odd.
    const std::size_t left = kAlign == '<'   ? 0
                             : kAlign == '>' ? room
                                             : room / 2 + (room & width & 1);
    machine.budget().check_output(width);
    machine.budget().make(width * fill.size());
    std::string out;
    for (std::size_t i = 0; i < left; ++i)
        out += fill;
    out += self.bytes();
    for (std::size_t i = left; i < room; ++i)
        out += fill;
    return made(machine, std::move(out));
}

Value zfill(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters p("zfill", arguments, {"width"}, 1);
    const std::string& text = self.bytes();
    const std::size_t size = count_characters(text);
    const auto width = static_cast<std::size_t>(std::max<std::int64_t>(p.integer(0, 0), 0));
    if (width <= size)
        return self;
    machine.budget().check_output(width);
    machine.budget().make(width);
    const std::size_t sign = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
    return made(machine, text.substr(0, sign) + std::string(width - size, '0') + text.substr(sign));
}

Value expandtabs(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters p("expandtabs", arguments, {"tabsize"});
    const std::int64_t size = p.integer(0, 8);
    std::string out;
    std::int64_t column = 0;
    for (std::string_view rest = self.bytes(); !rest.empty();) {
        const char32_t c = next_character(rest);
        machine.budget().tick();
        machine.budget().check_output(out.size());
        if (c == '\t') {
            const std::int64_t n = size > 0 ? size - column % size : 0;
            machine.budget().check_output(static_cast<std::size_t>(n));
            out.append(static_cast<std::size_t>(n), ' ');
            column += n;
            continue;
        }
        append_character(out, c);
        column = c == '\n' || c == '\r' ? 0 : column + 1;
    }
    return made(machine, std::move(out));
}

// ---- case --------------------------------------------------------------------------------------

template <std::string (*kChange)(std::string_view)>
Value changed(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters none("upper", arguments, {});
    machine.budget().tick(1 + self.bytes().size());
    return made(machine, kChange(self.bytes()));
}

Value format(Machine& machine, const Value& self, const Arguments& arguments) {
    return made(machine, brace_format(machine, self.bytes(), arguments));
}

Value format_map(Machine& machine, const Value& self, const Arguments& arguments) {
    const Parameters p("format_map", arguments, {"mapping"}, 1);
    Arguments named;
    if (const Dict* dict = p[0].as_dict())
        for (const auto& [key, value] : dict->entries())
            if (key.is_text())
                named.named.emplace_back(key.bytes(), value);
    return made(machine, brace_format(machine, self.bytes(), named));
}

constexpr std::array kMethods = std::to_array<MethodEntry>({
    {"capitalize", changed<to_capitalized>},
    {"casefold", changed<to_lower>},
    {"center", pad<'^'>},
    {"count", count},
    {"endswith", begins_or_ends<true>},
    {"expandtabs", expandtabs},
    {"find", find<false, false>},
    {"format", format},
    {"format_map", format_map},
    {"index", find<false, true>},
    {"join", join},
    {"ljust", pad<'<'>},
    {"lower", changed<to_lower>},
    {"lstrip", strip<true, false>},
    {"partition", partition<false>},
    {"removeprefix", remove_fix<false>},
    {"removesuffix", remove_fix<true>},
    {"replace", replace},
    {"rfind", find<true, false>},
    {"rindex", find<true, true>},
    {"rjust", pad<'>'>},
    {"rpartition", partition<true>},
    {"rsplit", split<true>},
    {"rstrip", strip<false, true>},
    {"split", split<false>},
    {"splitlines", splitlines},
    {"startswith", begins_or_ends<false>},
    {"strip", strip<true, true>},
    {"swapcase", changed<swap_case>},
    {"title", changed<to_title>},
    {"upper", changed<to_upper>},
    {"zfill", zfill},
});

}  // namespace

std::span<const MethodEntry> text_methods() {
    return kMethods;
}

}  // namespace skald::rt::jinja
