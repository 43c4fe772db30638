// SPDX-License-Identifier: MIT
// A program as text: one micro-op a line, branch targets as labels, registers by the names the
// decoder program gives them.
#pragma once

#include <span>
#include <string>

#include "skald/isa.hpp"

namespace skald::compiler {

// Any bytes are fine: what is not a micro-op is printed as such.
std::string disassemble(std::span<const isa::MicroOp> program);

}  // namespace skald::compiler
