// SPDX-License-Identifier: MIT
// Filters and tests, by name. Which there are: the tables at the end of each *_filters.cpp and of
// tests.cpp.
#pragma once

#include <span>
#include <string_view>

#include "template/arguments.hpp"
#include "template/value.hpp"

namespace skald::rt::jinja {

class Machine;

struct FilterEntry {
    std::string_view name;
    Value (*call)(Machine&, const Value&, const Arguments&);
};
[[nodiscard]] std::span<const FilterEntry> text_filters();
[[nodiscard]] std::span<const FilterEntry> number_filters();
[[nodiscard]] std::span<const FilterEntry> sequence_filters();
[[nodiscard]] std::span<const FilterEntry> selection_filters();

struct TestEntry {
    std::string_view name;
    bool (*call)(Machine&, const Value&, const Arguments&);
};

// Null if there is none of the name.
[[nodiscard]] const FilterEntry* find_filter(std::string_view name);
[[nodiscard]] const TestEntry* find_test(std::string_view name);

// Throws Failure for an unknown name.
[[nodiscard]] Value apply_filter(Machine& machine, std::string_view name, const Value& value,
                                 const Arguments& arguments);
[[nodiscard]] bool apply_test(Machine& machine, std::string_view name, const Value& value,
                              const Arguments& arguments);

// value.a.0.b for the attribute "a.0.b"; the value itself for none; `otherwise` for a missing one.
[[nodiscard]] Value attribute_path(Machine& machine, const Value& value, const Value& attribute,
                                   const Value& otherwise = Value());
// Texts in lower case, all else as it is.
[[nodiscard]] Value without_case(Machine& machine, const Value& value);

}  // namespace skald::rt::jinja
