// SPDX-License-Identifier: MIT
// Published figures, and the task that each of them asks of us: data/README.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chip/measure.hpp"

namespace skald::chip {

enum class RowClass { kFit, kHoldOut, kSpeculative };
enum class Quantity { kDecode, kFirstToken, kRequest, kTotal, kThroughput, kEnergy };

struct Row {
    std::string id;
    RowClass row_class = RowClass::kHoldOut;
    std::string system;
    Task task;                   // of which the chip may be unknown (empty) and lengths 0
    std::uint32_t replicas = 1;  // groups beside each other, each with requests of its own
    Quantity quantity = Quantity::kDecode;
    double least = 0, most = 0;  // published, a range or twice the same
    bool claimed =
        false;  // by the maker or the press, of a machine that nobody is said to have timed
    std::string source;
    std::string note;

    // Why it cannot be run, if that is known from the row alone.
    [[nodiscard]] std::optional<std::string> lacks() const;
    // The nearest of what was published.
    [[nodiscard]] double published(double ours) const;
};

[[nodiscard]] std::string_view name(RowClass row_class);
[[nodiscard]] std::string_view name(Quantity quantity);
[[nodiscard]] std::string_view unit(Quantity quantity);
// Lower is better: of a time; of joules, too.
[[nodiscard]] bool is_time(Quantity quantity);
[[nodiscard]] std::optional<double> quantity_of(const Measured& measured, const Row& row);

// `name` is what messages call the text. Throws rt::Error.
[[nodiscard]] std::vector<Row> parse_rows(std::string_view json, std::string_view name);
// Of a file, or, if it is empty, what is built in.
[[nodiscard]] std::vector<Row> load_rows(const std::string& file);

}  // namespace skald::chip
