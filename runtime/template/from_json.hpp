// SPDX-License-Identifier: MIT
// What a template is given, as values.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "template/machine.hpp"

namespace skald::rt::jinja {

// The members of an object become variables.
void set_variables(Machine& machine, const nlohmann::ordered_json& variables);

}  // namespace skald::rt::jinja
