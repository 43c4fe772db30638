// SPDX-License-Identifier: MIT
// Values as text: Python's str() and repr(), and JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "template/budget.hpp"
#include "template/value.hpp"

namespace skald::rt::jinja {

[[nodiscard]] std::string str(const Value& value, Budget& budget);
[[nodiscard]] std::string repr(const Value& value, Budget& budget);
[[nodiscard]] std::string float_text(double d);

struct JsonStyle {
    bool ascii = false;
    std::optional<std::string> indent;
    std::string item_separator = ", ", key_separator = ": ";
    bool sorted = false;
};
[[nodiscard]] std::string json_text(const Value& value, const JsonStyle& style, Budget& budget);

}  // namespace skald::rt::jinja
