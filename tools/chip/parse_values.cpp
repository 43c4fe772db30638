// SPDX-License-Identifier: MIT
#include "chip/parse_values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include "compile/split/split.hpp"

namespace skald::chip {
namespace {

template <class Number>
std::optional<Number> number(std::string_view text) {
    Number value{};
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || at != text.data() + text.size())
        return std::nullopt;
    return value;
}

std::optional<double> finite(std::string_view text) {
    const auto value = number<double>(text);
    return value && std::isfinite(*value) ? value : std::nullopt;
}

// "a=b" as a and b; of no "=" both are empty.
std::pair<std::string_view, std::string_view> halves(std::string_view text, std::string_view at) {
    const std::size_t middle = text.find(at);
    if (middle == std::string_view::npos)
        return {};
    return {text.substr(0, middle), text.substr(middle + at.size())};
}

constexpr std::array<std::string_view, 4> kAtMost = {"first_token_s", "token_s", "token_j",
                                                     "mean_w"};
constexpr std::array<std::string_view, 2> kAtLeast = {"user_tps", "total_tps"};

}  // namespace

std::optional<local::ChipChange> parse_change(const std::string& text) {
    const auto [key, value] = halves(text, "=");
    const auto figure = finite(value);
    if (key.empty() || !figure)
        return std::nullopt;
    return local::ChipChange{std::string(key), *figure};
}

std::optional<KeyRange> parse_range(const std::string& text) {
    const auto [key, range] = halves(text, "=");
    const auto [from, rest] = halves(range, ":");
    const auto [to, steps] = halves(rest, ":");
    const auto a = finite(from), b = finite(to);
    const auto n = number<std::uint32_t>(steps);
    constexpr std::uint32_t kMostSteps = 1000;
    if (key.empty() || !a || !b || !n || *a <= 0 || *b < *a || *n == 0 || *n > kMostSteps ||
        (*n == 1 && *a != *b))
        return std::nullopt;
    return KeyRange{std::string(key), *a, *b, *n};
}

std::optional<Group> parse_group(const std::string& text) {
    const auto split = compiler::parse_split(text);
    if (!split)
        return std::nullopt;
    return Group{split->tensor, split->pipeline, split->sums};
}

std::optional<Target> parse_target(const std::string& text) {
    const bool most = text.find("<=") != std::string::npos;
    const auto [quantity, value] = halves(text, most ? "<=" : ">=");
    const auto figure = finite(value);
    const bool known = most ? std::ranges::find(kAtMost, quantity) != kAtMost.end()
                            : std::ranges::find(kAtLeast, quantity) != kAtLeast.end();
    if (!known || !figure || *figure <= 0)
        return std::nullopt;
    return Target{std::string(quantity), !most, *figure};
}

std::optional<std::pair<std::uint32_t, std::uint32_t>> parse_part(const std::string& text) {
    const auto [part, parts] = halves(text, "/");
    const auto i = number<std::uint32_t>(part), n = number<std::uint32_t>(parts);
    if (!i || !n || *i >= *n)
        return std::nullopt;
    return std::pair(*i, *n);
}

}  // namespace skald::chip
