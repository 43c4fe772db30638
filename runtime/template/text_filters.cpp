// SPDX-License-Identifier: MIT
// Filters that make texts.
#include <algorithm>
#include <array>

#include "template/access.hpp"
#include "template/characters.hpp"
#include "template/filters.hpp"
#include "template/machine.hpp"
#include "template/methods.hpp"
#include "template/operators.hpp"
#include "template/percent_format.hpp"
#include "template/print.hpp"

namespace skald::rt::jinja {
namespace {

Value made(Machine& machine, std::string text, bool markup = false) {
    return made_text(std::move(text), machine.budget(), markup);
}

// str(value).METHOD(arguments)
Value by_method(Machine& machine, const Value& value, std::string_view name,
                const Arguments& arguments) {
    const Value text = value.is_text() ? value : made(machine, str(value, machine.budget()));
    const auto method = find_method(text, name);
    if (!method)
        fail("a text has no method {}", name);
    return call_value(machine, *method, arguments);
}

Value upper(Machine& machine, const Value& value, const Arguments& arguments) {
    return by_method(machine, value, "upper", arguments);
}
Value lower(Machine& machine, const Value& value, const Arguments& arguments) {
    return by_method(machine, value, "lower", arguments);
}
Value capitalize(Machine& machine, const Value& value, const Arguments& arguments) {
    return by_method(machine, value, "capitalize", arguments);
}
Value trim(Machine& machine, const Value& value, const Arguments& arguments) {
    return by_method(machine, value, "strip", arguments);
}
Value center(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters p("center", arguments, {"width"});
    return by_method(machine, value, "center", {{Value(p.integer(0, 80))}, {}});
}

// Words begin behind white space, hyphens and opening brackets.
Value title(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters none("title", arguments, {});
    const std::string text = str(value, machine.budget());
    machine.budget().tick(text.size());
    std::string out, word;
    const auto flush = [&] {
        std::string_view rest = word;
        if (!rest.empty()) {
            (void)next_character(rest);
            out += to_upper(std::string_view(word).substr(0, word.size() - rest.size()));
            out += to_lower(rest);
        }
        word.clear();
    };
    for (std::string_view rest = text; !rest.empty();) {
        const char32_t c = next_character(rest);
        if (is_space(c) || (c < 0x80 && std::string_view("-({[<").find(static_cast<char>(c)) !=
                                            std::string_view::npos)) {
            flush();
            append_character(out, c);
        } else {
            append_character(word, c);
        }
    }
    flush();
    return made(machine, std::move(out));
}

Value string(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters none("string", arguments, {});
    return value.is_text() ? value : made(machine, str(value, machine.budget()));
}

Value replace(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters p("replace", arguments, {"old", "new", "count"}, 2);
    Arguments passed{
        {made(machine, str(p[0], machine.budget())), made(machine, str(p[1], machine.budget()))},
        {}};
    if (!p.none(2))
        passed.positional.push_back(p[2]);
    return by_method(machine, value, "replace", passed);
}

Value format(Machine& machine, const Value& value, const Arguments& arguments) {
    if (!arguments.positional.empty() && !arguments.named.empty())
        fail("can't handle positional and keyword arguments at the same time");
    const std::string text = str(value, machine.budget());
    if (arguments.named.empty())
        return made(machine,
                    percent_format(text, Value::tuple(arguments.positional), machine.budget()));
    auto dict = std::make_shared<Dict>();
    for (const auto& [key, held] : arguments.named)
        dict->set(key, held, machine.budget());
    return made(machine,
                percent_format(text, Value(std::shared_ptr<const Dict>(dict)), machine.budget()));
}

Value indent(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters p("indent", arguments, {"width", "first", "blank"});
    check_defined(value);
    if (!value.is_text())
        fail("can only concatenate str to '{}'", type_name(value));
    std::string indention;
    if (p.has(0) && p[0].is_text()) {
        indention = p[0].bytes();
    } else {
        const auto width = static_cast<std::size_t>(std::max<std::int64_t>(p.integer(0, 4), 0));
        machine.budget().check_output(width);
        indention.assign(width, ' ');
    }
    const std::string text = value.bytes() + "\n";
    std::string out;
    bool first = true;
    for (const std::string_view line : split_lines(text)) {
        machine.budget().tick();
        if (!first)
            out += '\n';
        if (first ? p.flag(1) : p.flag(2) || !line.empty())
            out += indention;
        out += line;
        first = false;
        machine.budget().check_output(out.size());
    }
    return made(machine, std::move(out), value.as_text()->markup);
}

Value truncate(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters p("truncate", arguments, {"length", "killwords", "end", "leeway"});
    const std::string text = str(value, machine.budget());
    const std::string end = p.has(2) ? str(p[2], machine.budget()) : "...";
    const std::int64_t length = p.integer(0, 255), leeway = p.none(3) ? 5 : p.integer(3, 5);
    const auto tail = static_cast<std::int64_t>(count_characters(end));
    if (length < tail || leeway < 0)
        fail("expected length >= {} and leeway >= 0", tail);
    const auto offsets = character_offsets(text);
    if (static_cast<std::int64_t>(offsets.size()) - 1 <= length + leeway)
        return made(machine, text);
    std::string head = text.substr(0, offsets[static_cast<std::size_t>(length - tail)]);
    if (!p.flag(1))
        if (const std::size_t space = head.rfind(' '); space != std::string::npos)
            head.resize(space);
    return made(machine, head + end);
}

Value escape(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters none("escape", arguments, {});
    if (value.is_text() && value.as_text()->markup)
        return value;
    return made(machine, escape_html(str(value, machine.budget())), true);
}

Value forceescape(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters none("forceescape", arguments, {});
    return made(machine, escape_html(str(value, machine.budget())), true);
}

Value safe(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters none("safe", arguments, {});
    return made(machine, str(value, machine.budget()), true);
}

Value tojson(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters p("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
    JsonStyle style;
    style.ascii = p.flag(0);
    style.sorted = p.flag(3);
    if (!p.none(1)) {
        style.item_separator = ",";
        if (p[1].is_text()) {
            style.indent = p[1].bytes();
        } else {
            const std::int64_t width = std::clamp<std::int64_t>(p.integer(1, 0), 0, 1000);
            style.indent = std::string(static_cast<std::size_t>(width), ' ');
        }
    }
    if (!p.none(2)) {
        const std::vector<Value> two = all_items(machine, p[2]);
        if (two.size() != 2 || !two[0].is_text() || !two[1].is_text())
            fail("tojson: separators are two texts");
        style.item_separator = two[0].bytes();
        style.key_separator = two[1].bytes();
    }
    return made(machine, json_text(value, style, machine.budget()));
}

Value join(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters p("join", arguments, {"d", "attribute"});
    const std::string separator = p.has(0) ? str(p[0], machine.budget()) : "";
    Items items(value);
    std::string out;
    for (bool first = true;; first = false) {
        const auto item = items.next();
        if (!item)
            break;
        machine.budget().tick();
        if (!first)
            out += separator;
        out += str(p.none(1) ? *item : attribute_path(machine, *item, p[1]), machine.budget());
        machine.budget().check_output(out.size());
    }
    return made(machine, std::move(out));
}

Value pprint(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters none("pprint", arguments, {});
    return made(machine, repr(value, machine.budget()));
}

Value striptags(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters none("striptags", arguments, {});
    const std::string text = str(value, machine.budget());
    machine.budget().tick(text.size());
    std::string bare, out;
    for (std::size_t at = 0; at < text.size();) {
        const bool comment = text.compare(at, 4, "<!--") == 0;
        const std::size_t end =
            text[at] != '<' ? std::string::npos : text.find(comment ? "-->" : ">", at);
        if (end == std::string::npos) {
            bare += text[at++];
            continue;
        }
        at = end + (comment ? 3 : 1);
    }
    std::string_view rest = strip_right(strip_left(bare));
    for (bool space = false; !rest.empty();) {
        const char32_t c = next_character(rest);
        if (!is_space(c)) {
            if (space)
                out += ' ';
            append_character(out, c);
        }
        space = is_space(c);
    }
    return made(machine, std::move(out));
}

std::string url_quoted(std::string_view text, bool query) {
    std::string out;
    for (const char c : text) {
        const bool plain =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            std::string_view("_.-~").find(c) != std::string_view::npos || (!query && c == '/');
        if (plain)
            out += c;
        else if (query && c == ' ')
            out += '+';
        else
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

Value urlencode(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters none("urlencode", arguments, {});
    if (value.is_text() || !is_iterable(value))
        return made(machine, url_quoted(str(value, machine.budget()), false));
    std::string out;
    const auto put = [&](const Value& key, const Value& held) {
        machine.budget().tick();
        out += (out.empty() ? "" : "&") + url_quoted(str(key, machine.budget()), true) + "=" +
               url_quoted(str(held, machine.budget()), true);
        machine.budget().check_output(out.size());
    };
    if (const Dict* dict = value.as_dict()) {
        for (const auto& [key, held] : dict->entries())
            put(key, held);
    } else {
        for (const Value& pair : all_items(machine, value)) {
            const auto two = all_items(machine, pair);
            if (two.size() != 2)
                fail("urlencode wants pairs");
            put(two[0], two[1]);
        }
    }
    return made(machine, std::move(out));
}

Value xmlattr(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters p("xmlattr", arguments, {"autospace"});
    const Dict* dict = value.as_dict();
    if (dict == nullptr)
        fail("xmlattr wants a dict, not '{}'", type_name(value));
    std::string out;
    for (const auto& [key, held] : dict->entries()) {
        if (held.is_none() || held.is_missing())
            continue;
        const std::string name = str(key, machine.budget());
        if (name.find_first_of(" \t\n\r\f\v/>=") != std::string::npos)
            fail("Invalid character in attribute name: '{}'", name);
        const std::string text = str(held, machine.budget());
        out += (out.empty() ? "" : " ") + escape_html(name) + "=\"" +
               (held.is_text() && held.as_text()->markup ? text : escape_html(text)) + "\"";
        machine.budget().check_output(out.size());
    }
    const bool space = (!p.has(0) || p.flag(0)) && !out.empty();
    return made(machine, (space ? " " : "") + out);
}

constexpr std::array kFilters = std::to_array<FilterEntry>({
    {"capitalize", capitalize},
    {"center", center},
    {"e", escape},
    {"escape", escape},
    {"forceescape", forceescape},
    {"format", format},
    {"indent", indent},
    {"join", join},
    {"lower", lower},
    {"pprint", pprint},
    {"replace", replace},
    {"safe", safe},
    {"string", string},
    {"striptags", striptags},
    {"title", title},
    {"tojson", tojson},
    {"trim", trim},
    {"truncate", truncate},
    {"upper", upper},
    {"urlencode", urlencode},
    {"xmlattr", xmlattr},
});

}  // namespace

std::span<const FilterEntry> text_filters() {
    return kFilters;
}

}  // namespace skald::rt::jinja
