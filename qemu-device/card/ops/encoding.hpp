// SPDX-License-Identifier: MIT
// The static check of a micro-op: everything about it that does not depend on registers or memory.
#pragma once

#include "skald/fault.h"
#include "skald/isa.hpp"

namespace skald::card {

// OPCODE, ENCODING, or NONE. A pure function of the 128 bytes.
[[nodiscard]] skald_fault_reason check_encoding(const isa::MicroOp& op);

}  // namespace skald::card
