// SPDX-License-Identifier: MIT
// Functions of single elements on whole values.
#pragma once

#include <span>

#include "import/algebra.hpp"
#include "import/scalar.hpp"

namespace skald::compiler::graphs {

// Arguments are stretched to one shape. `algebra` may be null where there are no symbols.
Value elementwise(Algebra* algebra, Scalar op, std::span<const Value> arguments);

}  // namespace skald::compiler::graphs
