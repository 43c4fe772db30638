// SPDX-License-Identifier: MIT
// What was measured, as text from one process to another, and as tables.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "chip/measure.hpp"

namespace skald::chip {

[[nodiscard]] nlohmann::json to_json(const Measured& measured);
[[nodiscard]] Measured measured_from(const nlohmann::json& from);
// {"measured": ...}, or {"why": ...} where it cannot be.
[[nodiscard]] std::string measured_text(const Task& task);

[[nodiscard]] nlohmann::json or_null(const std::optional<double>& value);
// An array of objects with the same keys, which are the header.
[[nodiscard]] std::string csv_of(const nlohmann::json& rows);

}  // namespace skald::chip
