// SPDX-License-Identifier: MIT
// Parts of tensors that are changed in place, and with them what they are parts of.
#pragma once

#include <string_view>

#include "import/aten/node.hpp"

namespace skald::compiler::graphs {

// Whether the result of an operator is a part of its first argument, or all of it.
bool is_view(std::string_view target);
// What that argument of a node becomes where such a part of it has become `changed`.
Id put_back(AtenNode& view, std::string_view target, Id changed);

}  // namespace skald::compiler::graphs
