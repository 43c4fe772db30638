// SPDX-License-Identifier: MIT
#include "template/filters.hpp"

#include <algorithm>
#include <array>

#include "template/access.hpp"
#include "template/characters.hpp"
#include "template/machine.hpp"
#include "template/operators.hpp"

namespace skald::rt::jinja {

const FilterEntry* find_filter(std::string_view name) {
    for (const auto table :
         {text_filters(), number_filters(), sequence_filters(), selection_filters()}) {
        const auto found = std::ranges::find(table, name, &FilterEntry::name);
        if (found != table.end())
            return &*found;
    }
    return nullptr;
}

Value apply_filter(Machine& machine, std::string_view name, const Value& value,
                   const Arguments& arguments) {
    const FilterEntry* filter = find_filter(name);
    if (filter == nullptr)
        fail("No filter named '{}'.", name);
    machine.budget().tick();
    return filter->call(machine, value, arguments);
}

bool apply_test(Machine& machine, std::string_view name, const Value& value,
                const Arguments& arguments) {
    const TestEntry* test = find_test(name);
    if (test == nullptr)
        fail("No test named '{}'.", name);
    machine.budget().tick();
    return test->call(machine, value, arguments);
}

Value attribute_path(Machine& machine, const Value& value, const Value& attribute,
                     const Value& otherwise) {
    if (attribute.is_none())
        return value;
    Value at = value;
    const auto step = [&](const Value& key) {
        machine.budget().tick();
        at = get_item(machine, at, key);
        if (at.is_missing() && !otherwise.is_none())
            at = otherwise;
    };
    if (!attribute.is_text()) {
        step(attribute);
        return at;
    }
    std::string_view rest = attribute.bytes();
    for (;;) {
        const std::size_t end = std::min(rest.find('.'), rest.size());
        const std::string part(rest.substr(0, end));
        const bool number = !part.empty() && part.size() < 10 &&
                            part.find_first_not_of("0123456789") == std::string::npos;
        step(number ? Value(std::int64_t{std::stol(part)}) : Value::text(part));
        if (end == rest.size())
            return at;
        rest.remove_prefix(end + 1);
    }
}

Value without_case(Machine& machine, const Value& value) {
    if (!value.is_text())
        return value;
    machine.budget().tick(value.bytes().size());
    return made_text(to_lower(value.bytes()), machine.budget());
}

}  // namespace skald::rt::jinja
