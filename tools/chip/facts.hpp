// SPDX-License-Identifier: MIT
// What is known of chips, as text and as JSON.
#pragma once

#include <string>

#include "chip/options.hpp"

namespace skald::chip {

[[nodiscard]] std::string list_chips(Format format);
// Throws rt::Error.
[[nodiscard]] std::string show_chip(const std::string& chip, Format format);

}  // namespace skald::chip
