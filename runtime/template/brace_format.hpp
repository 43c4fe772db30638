// SPDX-License-Identifier: MIT
// "{} is {:05.1f}".format(values), as Python has it.
#pragma once

#include <string>

#include "template/arguments.hpp"

namespace skald::rt::jinja {

class Machine;

[[nodiscard]] std::string brace_format(Machine& machine, const std::string& format,
                                       const Arguments& arguments);

}  // namespace skald::rt::jinja
