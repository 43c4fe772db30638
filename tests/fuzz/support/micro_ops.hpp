// SPDX-License-Identifier: MIT
// Micro-ops as an input chooses them. What is valid follows from the table of skald/isa_table.hpp:
// nearly every encoding is good, and now and then one byte of it is not.
#pragma once

#include "skald/isa.hpp"
#include "support/source.hpp"

namespace skald::fuzz {

struct Aim {
    std::uint32_t scratch;  // bytes of the window
    std::size_t at_its_end =
        isa::kOperands;  // the operand that lies there, whatever else is chosen
};
isa::MicroOp micro_op(Source& source, const Aim& aim);

}  // namespace skald::fuzz
