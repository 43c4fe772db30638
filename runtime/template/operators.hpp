// SPDX-License-Identifier: MIT
// Python's operators on values. All throw Failure where Python would raise.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "template/budget.hpp"
#include "template/value.hpp"

namespace skald::rt::jinja {

// "str", "dict", ...: as Python's messages name it.
[[nodiscard]] std::string type_name(const Value& value);
// Fails with the sentence of a missing value.
void check_defined(const Value& value);

[[nodiscard]] bool truth(const Value& value);
[[nodiscard]] bool equal(const Value& a, const Value& b, Budget& budget);
// a < b; or "'<' not supported ...", with the operator's name.
[[nodiscard]] bool less(const Value& a, const Value& b, Budget& budget,
                        std::string_view name = "<");
[[nodiscard]] bool contains(const Value& container, const Value& item, Budget& budget);

[[nodiscard]] Value add(const Value& a, const Value& b, Budget& budget);
[[nodiscard]] Value subtract(const Value& a, const Value& b, Budget& budget);
[[nodiscard]] Value multiply(const Value& a, const Value& b, Budget& budget);
[[nodiscard]] Value divide(const Value& a, const Value& b, Budget& budget);
[[nodiscard]] Value floor_divide(const Value& a, const Value& b, Budget& budget);
// Also "%s" % values.
[[nodiscard]] Value modulo(const Value& a, const Value& b, Budget& budget);
[[nodiscard]] Value power(const Value& a, const Value& b, Budget& budget);
[[nodiscard]] Value negate(const Value& value);
[[nodiscard]] Value plus(const Value& value);

[[nodiscard]] std::string escape_html(std::string_view text);

// A text of the house's making, within the budget.
[[nodiscard]] Value made_text(std::string bytes, Budget& budget, bool markup = false);

}  // namespace skald::rt::jinja
