// SPDX-License-Identifier: MIT
// --widths: numbers of another width than the ISA's, declared for a run: "weights=fp8,kv=fp8". By
// role a format: its bits instead of those the program moves, and whose peak its products have.
#pragma once

#include <string>
#include <string_view>

#include "local/chip_change.hpp"
#include "skald/container.hpp"

namespace skald::chip {

// Throws rt::Error, which names the role or format that there is not.
[[nodiscard]] local::NumberWidths widths_of(std::string_view declared,
                                            const container::ModelInfo& model);
[[nodiscard]] std::string width_names();  // for help and messages

}  // namespace skald::chip
