// SPDX-License-Identifier: MIT
// CSV as RFC 4180 has it: cells with a comma, a quote or a line's end in quotes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace skald::chip {

[[nodiscard]] std::string csv_line(const std::vector<std::string>& cells);  // quoted where needed
// The cells of a line without its end.
[[nodiscard]] std::vector<std::string> csv_cells(std::string_view line);

}  // namespace skald::chip
