// SPDX-License-Identifier: MIT
// Products of matrices.
#pragma once

#include "import/algebra.hpp"

namespace skald::compiler::graphs {

// As ONNX's MatMul has it. `algebra` may be null where there are no symbols.
Value multiplied(Algebra* algebra, const Value& a, const Value& b);

}  // namespace skald::compiler::graphs
