// SPDX-License-Identifier: MIT
// The state of all cards for programs.
#pragma once

#include <span>
#include <string>

#include "smi/status.hpp"

namespace skald::smi {

// {"cards": [...]}; what nobody knows is null. indent: of the lines; -1: all on one.
[[nodiscard]] std::string json_text(std::span<const CardStatus> cards, int indent = 2);

}  // namespace skald::smi
