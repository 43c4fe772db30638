// SPDX-License-Identifier: MIT
#pragma once

#include "import/algebra.hpp"

namespace skald::compiler::graphs {

// Over the last dimension. `algebra` may be null where there are no symbols.
Value softmaxed(Algebra* algebra, const Value& x);

// Normed over the last dimension, then times `gain` plus `bias`, which may be null.
Value normed(Algebra* algebra, const Value& x, bool centred, double eps, const Value* gain,
             const Value* bias);

// Places of the k largest of the last dimension, or what the algebra takes for them.
Value places_of_largest(Algebra* algebra, const Value& x, std::int64_t k);

}  // namespace skald::compiler::graphs
