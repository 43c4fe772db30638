// SPDX-License-Identifier: MIT
// Micro-ops as an input chooses them. What is valid follows from the table of skald/isa_table.hpp:
// nearly every encoding is good, and now and then one byte of it is not.
#pragma once

#include "skald/isa.hpp"
#include "support/source.hpp"

namespace skald::fuzz {

// scratch: bytes of the window, whose end many operands lie around.
isa::MicroOp micro_op(Source& source, std::uint32_t scratch);

}  // namespace skald::fuzz
