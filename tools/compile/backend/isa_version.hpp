// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>

#include "skald/isa.hpp"

namespace skald::compiler {

// The lowest version of the ISA that has all that a program uses; for the container's header.
std::uint32_t isa_version_of(std::span<const isa::MicroOp> program);

}  // namespace skald::compiler
