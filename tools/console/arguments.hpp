// SPDX-License-Identifier: MIT
// Checks of values on a command line, beside those that CLI11 has.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>

namespace skald::console {

// For Option::transform(). Decimal digits and nothing else: left to itself, CLI11 reads "-1" as the
// largest number of 64 bits, and "010" as eight.
[[nodiscard]] CLI::Validator whole_number(std::uint64_t low, std::uint64_t high);

template <typename T>
[[nodiscard]] CLI::Validator whole_number() {
    return whole_number(0, static_cast<std::uint64_t>(std::numeric_limits<T>::max()));
}

// For Option::transform(). A whole number that is a power of two.
[[nodiscard]] CLI::Validator power_of_two(std::uint64_t low, std::uint64_t high);

// For Option::check(). What is empty is a mistake, not an option that is absent.
[[nodiscard]] CLI::Validator not_empty(const char* what);
[[nodiscard]] inline CLI::Validator file_name() {
    return not_empty("the name of the file");
}

}  // namespace skald::console
