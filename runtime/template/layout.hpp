// SPDX-License-Identifier: MIT
// A value at a width: what both ways of formatting, "%5.1f" and "{:5.1f}", come down to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "template/budget.hpp"
#include "template/value.hpp"

namespace skald::rt::jinja {

inline constexpr std::size_t kMostWidth = 1 << 16;

// Python's format specification.
struct Layout {
    char32_t fill = ' ';
    char align = 0;  // < > ^ =, 0: as the type does
    char sign = 0;   // + or space; 0: only -
    bool alternate = false, grouped = false, underscored = false;
    std::size_t width = 0;
    std::optional<std::size_t> precision;
    char type = 0;
};

[[nodiscard]] std::string text_layout(std::string text, const Layout& layout);
[[nodiscard]] std::string integer_layout(std::int64_t n, const Layout& layout);
[[nodiscard]] std::string float_layout(double d, const Layout& layout);
// By the value's own type. Throws Failure where that has no such layout.
[[nodiscard]] std::string laid_out(const Value& value, Layout layout, Budget& budget);

// A number off the front of a format, kMostWidth at most.
[[nodiscard]] std::size_t take_number(std::string_view& rest);

[[nodiscard]] inline bool is_one_of(char c, std::string_view set) {
    return set.find(c) != std::string_view::npos;
}

}  // namespace skald::rt::jinja
