// SPDX-License-Identifier: MIT
#include "template/brace_format.hpp"

#include <algorithm>
#include <cstdint>

#include "template/access.hpp"
#include "template/characters.hpp"
#include "template/layout.hpp"
#include "template/machine.hpp"
#include "template/print.hpp"

namespace skald::rt::jinja {
namespace {

Layout parse_layout(std::string_view spec) {
    Layout layout;
    std::string_view after = spec;
    if (!spec.empty()) {
        const char32_t first = next_character(after);
        if (!after.empty() && is_one_of(after.front(), "<>^=")) {
            layout.fill = first;
            layout.align = after.front();
            spec = after.substr(1);
        } else if (is_one_of(spec.front(), "<>^=")) {
            layout.align = spec.front();
            spec.remove_prefix(1);
        }
    }
    const auto take = [&](char c) {
        const bool there = spec.starts_with(c);
        if (there)
            spec.remove_prefix(1);
        return there;
    };
    for (const char sign : {'+', ' ', '-'})
        if (take(sign) && sign != '-')
            layout.sign = sign;
    layout.alternate = take('#');
    if (take('0') && layout.align == 0) {
        layout.fill = '0';
        layout.align = '=';
    }
    layout.width = take_number(spec);
    layout.grouped = take(',');
    layout.underscored = take('_');
    if (take('.'))
        layout.precision = take_number(spec);
    if (!spec.empty()) {
        layout.type = spec.front();
        spec.remove_prefix(1);
    }
    if (!spec.empty())
        fail("Invalid format specifier");
    return layout;
}

class BraceFormat {
  public:
    BraceFormat(Machine& machine, const Arguments& arguments)
        : machine_(machine), arguments_(arguments) {}

    std::string run(std::string_view rest, unsigned level) {
        if (level > 2)
            fail("Max string recursion exceeded");
        std::string out;
        while (!rest.empty()) {
            machine_.budget().tick();
            machine_.budget().check_output(out.size());
            const char c = rest.front();
            rest.remove_prefix(1);
            if ((c == '{' || c == '}') && rest.starts_with(c)) {
                out += c;
                rest.remove_prefix(1);
            } else if (c == '}') {
                fail("Single '}}' encountered in format string");
            } else if (c == '{') {
                out += field(rest, level);
            } else {
                out += c;
            }
        }
        return out;
    }

  private:
    std::string field(std::string_view& rest, unsigned level) {
        std::size_t end = 0;
        for (unsigned open = 1;; ++end) {
            if (end == rest.size())
                fail("expected '}}' before end of string");
            open += rest[end] == '{' ? 1u : rest[end] == '}' ? -1u : 0u;
            if (open == 0)
                break;
        }
        std::string_view inside = rest.substr(0, end);
        rest.remove_prefix(end + 1);
        const std::size_t mark = std::min(inside.find_first_of("!:"), inside.size());
        const Value value = lookup(inside.substr(0, mark));
        inside.remove_prefix(mark);
        char conversion = 0;
        if (inside.starts_with('!') && inside.size() > 1) {
            conversion = inside[1];
            inside.remove_prefix(2);
        }
        if (inside.starts_with(':'))
            inside.remove_prefix(1);
        const Layout layout = parse_layout(run(inside, level + 1));
        Budget& budget = machine_.budget();
        if (conversion == 's')
            return laid_out(Value::text(str(value, budget)), layout, budget);
        if (conversion == 'r' || conversion == 'a')
            return laid_out(Value::text(repr(value, budget)), layout, budget);
        if (conversion != 0)
            fail("Unknown conversion specifier {}", conversion);
        return laid_out(value, layout, budget);
    }

    Value lookup(std::string_view name) {
        const std::size_t head = std::min(name.find_first_of(".["), name.size());
        Value value = argument(name.substr(0, head));
        name.remove_prefix(head);
        while (!name.empty()) {
            if (name.front() == '.') {
                const std::size_t end = std::min(name.find_first_of(".[", 1), name.size());
                value = get_attribute(machine_, value, name.substr(1, end - 1));
                name.remove_prefix(end);
                continue;
            }
            const std::size_t end = name.find(']');
            if (name.front() != '[' || end == std::string_view::npos)
                fail("Missing ']' in format string");
            std::string_view key = name.substr(1, end - 1);
            std::string_view digits = key;
            const bool number = !key.empty() && key.find_first_not_of("0123456789") == key.npos;
            value =
                get_item(machine_, value,
                         number ? Value::size(take_number(digits)) : Value::text(std::string(key)));
            name.remove_prefix(end + 1);
        }
        return value;
    }

    Value argument(std::string_view name) {
        std::string_view digits = name;
        if (name.find_first_not_of("0123456789") == std::string_view::npos) {
            const Numbering numbering = name.empty() ? Numbering::kAutomatic : Numbering::kManual;
            if (numbering_ != Numbering::kNone && numbering_ != numbering)
                fail("cannot switch from {}", numbering == Numbering::kManual
                                                  ? "automatic field numbering to manual field "
                                                    "specification"
                                                  : "manual field specification to automatic "
                                                    "field numbering");
            numbering_ = numbering;
            const std::size_t at = name.empty() ? next_++ : take_number(digits);
            if (at >= arguments_.positional.size())
                fail("Replacement index {} out of range for positional args tuple", at);
            return arguments_.positional[at];
        }
        for (const auto& [known, value] : arguments_.named)
            if (known == name)
                return value;
        fail("KeyError: '{}'", name);
    }

    Machine& machine_;
    const Arguments& arguments_;
    // Python wants one of both for all fields.
    enum class Numbering : std::uint8_t { kNone, kAutomatic, kManual };
    Numbering numbering_ = Numbering::kNone;
    std::size_t next_ = 0;
};

}  // namespace

std::string brace_format(Machine& machine, const std::string& format, const Arguments& arguments) {
    return BraceFormat(machine, arguments).run(format, 0);
}

}  // namespace skald::rt::jinja
