// SPDX-License-Identifier: MIT
// A check's report for people and for programs.
#pragma once

#include <string>

#include "check/check.hpp"
#include "input/json.hpp"

namespace skald::compiler::checking {

std::string table(const Report& report);

Json to_json(const Report& report);

}  // namespace skald::compiler::checking
