// SPDX-License-Identifier: MIT
// Which figures of a chip meet targets: every point of a grid, and of those that meet all of them
// the ones that no other undercuts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "chip/measure.hpp"
#include "chip/options.hpp"

namespace skald::chip {

struct SearchPoint {
    std::vector<double> values;        // by key
    std::optional<Measured> measured;  // none: `why` says why
    std::string why;
};

struct SearchResult {
    SearchOptions options;
    std::vector<SearchPoint> points;

    [[nodiscard]] std::optional<double> outcome(const SearchPoint& point,
                                                const std::string& quantity) const;
    [[nodiscard]] bool meets(const SearchPoint& point, const Target& target) const;
    [[nodiscard]] bool meets_all(const SearchPoint& point) const;
    // Indices: no other point that meets all targets takes as little or less of everything.
    [[nodiscard]] std::vector<std::size_t> least() const;
};

// More of it costs more: rates and room; times and energies cost more the less they are.
[[nodiscard]] bool dear_when_high(std::string_view key);
[[nodiscard]] std::vector<double> values_of(const KeyRange& range);

[[nodiscard]] SearchResult search(const SearchOptions& options, unsigned jobs);
[[nodiscard]] std::string print_search(const SearchResult& result, Format format);

}  // namespace skald::chip
