// SPDX-License-Identifier: MIT
// Tensors of a file as constants of a graph.
#pragma once

#include "import/value.hpp"

namespace skald::compiler::graphs {

// Matrices stay expressions over the tensor, and many integers the tensor; of what is small the
// numbers are read. The tensor must live as long. Throws CompileError unless its bytes are as many
// as its shape says.
Value constant_of(const Tensor& tensor);

}  // namespace skald::compiler::graphs
