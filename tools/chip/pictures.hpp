// SPDX-License-Identifier: MIT
// What runs and sweeps look like: SVG.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chip/run.hpp"
#include "chip/table.hpp"
#include "local/chip_facts.hpp"

namespace skald::chip {

// Operations a second over operations a byte: the chip's roofs, and each of the program's micro-ops
// that multiplies, as large as its share of the time. The outcome has slices.
[[nodiscard]] std::string roofline(const Outcome& outcome, const local::ChipFacts& chip);
// Of a token (of the only one where none follows), by part of the chip.
[[nodiscard]] std::string energy_picture(const Outcome& outcome);
// Tokens/s of one user and of all over the batch, or over the prompt if that varies and the batch
// does not. Of a sweep's CSV.
[[nodiscard]] std::string rates_picture(std::string_view csv);
// Tokens/s by the model over what was published, fitted rows and others; a band shows a fifth.
// Rows of other quantities, and those that were not run, are not in it.
[[nodiscard]] std::string table_picture(const std::vector<TableLine>& lines);

}  // namespace skald::chip
