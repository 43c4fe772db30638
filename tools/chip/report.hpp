// SPDX-License-Identifier: MIT
// An outcome as text, as a JSON line, and as CSV with its header.
#pragma once

#include <string>

#include "chip/run.hpp"

namespace skald::chip {

[[nodiscard]] std::string report(const Outcome& outcome, Format format);

}  // namespace skald::chip
