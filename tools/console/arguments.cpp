// SPDX-License-Identifier: MIT
#include "console/arguments.hpp"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <optional>
#include <string>

namespace skald::console {
namespace {

std::optional<std::uint64_t> decimal(const std::string& text) {
    std::uint64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || rest != end)
        return std::nullopt;
    return value;
}

}  // namespace

CLI::Validator whole_number(std::uint64_t low, std::uint64_t high) {
    return {[low, high](std::string& text) -> std::string {
                const std::optional<std::uint64_t> value = decimal(text);
                if (!value || *value < low || *value > high)
                    return fmt::format("{} is not a whole number from {} to {}", text, low, high);
                text = std::to_string(*value);
                return {};
            },
            ""};
}

CLI::Validator power_of_two(std::uint64_t low, std::uint64_t high) {
    return {[low, high](std::string& text) -> std::string {
                const std::optional<std::uint64_t> value = decimal(text);
                if (!value || *value < low || *value > high || !std::has_single_bit(*value))
                    return fmt::format("{} is not a power of two from {} to {}", text, low, high);
                text = std::to_string(*value);
                return {};
            },
            ""};
}

CLI::Validator not_empty(const char* what) {
    return {[what](std::string& text) -> std::string {
                return text.empty() ? fmt::format("{} is empty", what) : "";
            },
            ""};
}

}  // namespace skald::console
