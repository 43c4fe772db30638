// SPDX-License-Identifier: MIT
// Lists of numbers as options take them: "512", "1,2,4", and ranges as llama-bench has them, "1-4",
// "128-512+128" (steps), "1-64*2" (factors); all of it may be mixed.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace skald::bench {

// Throws UsageError, which names the option.
[[nodiscard]] std::vector<std::uint32_t> parse_numbers(std::string_view option,
                                                       std::string_view text);
// "512,128"
[[nodiscard]] std::pair<std::uint32_t, std::uint32_t> parse_pair(std::string_view option,
                                                                 std::string_view text);

}  // namespace skald::bench
