// SPDX-License-Identifier: MIT
// Figures of a profile, or of a program that was measured through, that make its rows come out: by
// least squares, from data/fits.json.
#pragma once

#include <string>
#include <vector>

#include "chip/options.hpp"
#include "chip/table.hpp"

namespace skald::chip {

struct FitKey {
    std::string key;
    double start = 0, least = 0, most = 0;
};

struct FitPlan {
    std::string name;
    std::string chip;      // whose profile has the keys,
    std::string software;  // or the program: one of both is empty
    std::vector<FitKey> keys;
    std::vector<std::string> rows;
    std::string why;
};

struct FitResult {
    FitPlan plan;
    std::vector<double> values;    // by key
    std::vector<TableLine> lines;  // of the plan's rows, then others of chip or program
    std::size_t fitted = 0;        // how many of these are the plan's
    std::vector<std::vector<double>>
        sensitivities;  // of each fitted row: of its logarithm, by key's
    std::size_t rounds = 0;
};

// `name` is what messages call the text. Throws rt::Error.
[[nodiscard]] std::vector<FitPlan> parse_fits(std::string_view json, std::string_view name);

// From the start of each key, whatever is said of it. With no more rows than keys it is
// refused. Throws rt::Error.
[[nodiscard]] FitResult fit(const FitPlan& plan, const std::vector<Row>& rows, unsigned jobs);

// What has the keys says of each what the fit gives, within a hundredth.
[[nodiscard]] bool agrees(const FitResult& result);

[[nodiscard]] std::string print_fit(const FitResult& result, Format format);

}  // namespace skald::chip
