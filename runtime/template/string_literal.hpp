// SPDX-License-Identifier: MIT
// What stands between quotes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace skald::rt::jinja {

// With Python's escapes resolved. Throws Failure for a broken one.
[[nodiscard]] std::string unescaped(std::string_view literal, std::uint32_t line);

}  // namespace skald::rt::jinja
