// SPDX-License-Identifier: MIT
// Values of the command line that are more than a number or a name. None: not of that form.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "chip/options.hpp"

namespace skald::chip {

[[nodiscard]] std::optional<local::ChipChange> parse_change(const std::string& text);
[[nodiscard]] std::optional<KeyRange> parse_range(const std::string& text);
[[nodiscard]] std::optional<Group> parse_group(const std::string& text);
[[nodiscard]] std::optional<Target> parse_target(const std::string& text);
[[nodiscard]] std::optional<std::pair<std::uint32_t, std::uint32_t>> parse_part(
    const std::string& text);

}  // namespace skald::chip
