// SPDX-License-Identifier: MIT
// Faults of the card in words.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "drm/skald_accel.h"
#include "skald/isa.hpp"

namespace skald::rt {

// "access to an unmapped address", for a SKALD_FAULT_* number.
[[nodiscard]] std::string_view fault_reason_text(std::uint32_t reason);

// One sentence. `program` names the micro-op; it may be empty when the caller does not know it.
[[nodiscard]] std::string fault_text(const drm_skald_vm_query& fault,
                                     std::span<const isa::MicroOp> program);

}  // namespace skald::rt
