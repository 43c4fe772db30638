// SPDX-License-Identifier: MIT
// Small files of text, whole. Errors name the file.
#pragma once

#include <string>
#include <string_view>

namespace skald::chip {

[[nodiscard]] std::string read_text(const std::string& file);
void write_text(const std::string& file, std::string_view text);

}  // namespace skald::chip
