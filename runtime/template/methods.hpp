// SPDX-License-Identifier: MIT
// Methods of texts, dicts and lists.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "template/arguments.hpp"
#include "template/value.hpp"

namespace skald::rt::jinja {

class Machine;

struct MethodEntry {
    std::string_view name;
    Value (*call)(Machine&, const Value& self, const Arguments&);
};
[[nodiscard]] std::span<const MethodEntry> text_methods();
[[nodiscard]] std::span<const MethodEntry> text_predicates();
[[nodiscard]] std::span<const MethodEntry> dict_methods();
[[nodiscard]] std::span<const MethodEntry> list_methods();

// value.name, bound to the value. One that would change the value is a missing value that says so.
[[nodiscard]] std::optional<Value> find_method(const Value& value, std::string_view name);

}  // namespace skald::rt::jinja
