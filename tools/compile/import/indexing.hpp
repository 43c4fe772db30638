// SPDX-License-Identifier: MIT
// Elements chosen by places, for operators that do it among other things.
#pragma once

#include "import/algebra.hpp"

namespace skald::compiler::graphs {

// Of `v` along `axis` those at `ids`; places that depend on tokens choose rows of a table.
Value gathered(Algebra* algebra, const Value& v, const Value& ids, std::int64_t axis);

}  // namespace skald::compiler::graphs
