// SPDX-License-Identifier: MIT
// The characters of the scripts that expressions of tokenizers name; utf8proc has no scripts.
#pragma once

#include <span>
#include <string_view>

namespace skald::rt {

struct CodeRange {
    char32_t first, last;
};

// `name` in lower case ("han"). Empty for a script that is not among them.
std::span<const CodeRange> script_ranges(std::string_view name);

}  // namespace skald::rt
