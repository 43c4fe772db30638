// SPDX-License-Identifier: MIT
// The files of data/, as the build puts them into the program (builtin_data.cmake).
#pragma once

#include <span>
#include <string_view>

namespace skald::chip {

struct BuiltinText {
    std::string_view name;  // of the file, without .json
    std::string_view text;
};
[[nodiscard]] std::span<const BuiltinText> builtin_models();

}  // namespace skald::chip
