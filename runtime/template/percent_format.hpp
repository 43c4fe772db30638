// SPDX-License-Identifier: MIT
// "%s is %05.1f" % values, as Python has it.
#pragma once

#include <string>

#include "template/budget.hpp"
#include "template/value.hpp"

namespace skald::rt::jinja {

[[nodiscard]] std::string percent_format(const std::string& format, const Value& values,
                                         Budget& budget);

}  // namespace skald::rt::jinja
