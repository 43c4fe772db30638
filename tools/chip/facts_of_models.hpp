// SPDX-License-Identifier: MIT
// What is built in of data/: models by their names, the published rows, the fits, the
// programs that figures were measured through.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace skald::chip {

[[nodiscard]] bool known_model(std::string_view name);
[[nodiscard]] std::vector<std::string> model_names();
// Its config.json. Throws rt::Error with the names that there are.
[[nodiscard]] std::string_view model_config(std::string_view name);
[[nodiscard]] std::string_view builtin_rows();      // JSON
[[nodiscard]] std::string_view builtin_fits();      // JSON
[[nodiscard]] std::string_view builtin_software();  // JSON

}  // namespace skald::chip
