// SPDX-License-Identifier: MIT
// What every template can name: range, namespace, raise_exception, ...
#pragma once

#include <string_view>

#include "template/value.hpp"

namespace skald::rt::jinja {

// A missing value if there is no such name.
[[nodiscard]] Value find_global(std::string_view name);

}  // namespace skald::rt::jinja
