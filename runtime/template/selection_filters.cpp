// SPDX-License-Identifier: MIT
// map, select, reject and their kin: filters that take the name of a filter or test.
#include <array>

#include "template/access.hpp"
#include "template/filters.hpp"
#include "template/machine.hpp"
#include "template/operators.hpp"
#include "template/print.hpp"

namespace skald::rt::jinja {
namespace {

std::string name_of(const Value& value) {
    check_defined(value);
    if (!value.is_text())
        fail("a filter or test is named by a text, not '{}'", type_name(value));
    return value.bytes();
}

Value map_attribute(Machine& machine, const Value& value, const Arguments& arguments) {
    Value attribute, otherwise;
    for (const auto& [name, held] : arguments.named) {
        if (name == "attribute")
            attribute = held;
        else if (name == "default")
            otherwise = held;
        else
            fail("Unexpected keyword argument '{}'", name);
    }
    std::vector<Value> mapped;
    for (const Value& item : all_items(machine, value))
        mapped.push_back(attribute_path(machine, item, attribute, otherwise));
    return Value::iterator(std::move(mapped));
}

bool names_attribute(const Arguments& arguments) {
    for (const auto& entry : arguments.named)
        if (entry.first == "attribute")
            return true;
    return false;
}

Value map(Machine& machine, const Value& value, const Arguments& arguments) {
    if (!truth(value))
        return Value::iterator({});
    if (arguments.positional.empty()) {
        if (!names_attribute(arguments))
            fail("map requires a filter argument");
        return map_attribute(machine, value, arguments);
    }
    const std::string name = name_of(arguments.positional.front());
    Arguments passed = arguments;
    passed.positional.erase(passed.positional.begin());
    std::vector<Value> mapped;
    for (const Value& item : all_items(machine, value))
        mapped.push_back(apply_filter(machine, name, item, passed));
    return Value::iterator(std::move(mapped));
}

template <bool kAttribute, bool kKeep>
Value choose(Machine& machine, const Value& value, const Arguments& arguments) {
    if (!truth(value))
        return Value::iterator({});
    Arguments passed = arguments;
    const auto take_first = [&] {
        Value taken = passed.positional.front();
        passed.positional.erase(passed.positional.begin());
        return taken;
    };
    Value attribute;
    if (kAttribute) {
        if (passed.positional.empty())
            fail("Missing parameter for attribute name");
        attribute = take_first();
    }
    const bool tested = !passed.positional.empty();
    const std::string test = tested ? name_of(take_first()) : "";
    std::vector<Value> kept;
    for (const Value& item : all_items(machine, value)) {
        const Value looked_at = attribute_path(machine, item, attribute);
        const bool yes = tested ? apply_test(machine, test, looked_at, passed) : truth(looked_at);
        if (yes == kKeep)
            kept.push_back(item);
    }
    return Value::iterator(std::move(kept));
}

Value attr(Machine& machine, const Value& value, const Arguments& arguments) {
    const Parameters p("attr", arguments, {"name"}, 1);
    const std::string name = str(p[0], machine.budget());
    auto found = find_attribute(machine, value, name);
    return found
               ? *std::move(found)
               : Value::missing(fmt::format("'{}' has no attribute '{}'", type_name(value), name));
}

constexpr std::array kFilters = std::to_array<FilterEntry>({
    {"attr", attr},
    {"map", map},
    {"reject", choose<false, false>},
    {"rejectattr", choose<true, false>},
    {"select", choose<false, true>},
    {"selectattr", choose<true, true>},
});

}  // namespace

std::span<const FilterEntry> selection_filters() {
    return kFilters;
}

}  // namespace skald::rt::jinja
