// SPDX-License-Identifier: MIT
// Published figures beside ours.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chip/options.hpp"
#include "chip/rows.hpp"

namespace skald::chip {

struct TableLine {
    Row row;
    std::optional<double> ours;  // none: `why` says why
    std::string why;
    std::optional<Measured> measured;
    std::optional<double> idle_w, rated_w;  // of the chip
    std::optional<double> roof;             // the best that its peaks and bandwidths allow

    // ours / published - 1, by the nearest of a range.
    [[nodiscard]] double error() const {
        const double value = ours.value_or(0);
        return value / row.published(value) - 1;
    }
    // "fitted", "predicted", "of a claim" or "speculative".
    [[nodiscard]] std::string_view how() const;
    // What part of the roof was published, by the worse end of a range: above 1 no machine with the
    // profile's peaks and bandwidths does it as it is said. None: there is no roof, as for joules.
    [[nodiscard]] std::optional<double> of_roof() const;
    // The mean power is between these; none: one of the three is not known.
    [[nodiscard]] std::optional<bool> power_in_bounds() const;
};

// `jobs` rows at a time, in processes of their own.
[[nodiscard]] std::vector<TableLine> make_table(const std::vector<Row>& rows,
                                                const local::ChipChanges& changes, unsigned jobs);
[[nodiscard]] std::vector<Row> chosen_rows(std::vector<Row> rows, const TableOptions& options);
[[nodiscard]] std::string print_table(const std::vector<TableLine>& lines, Format format);
[[nodiscard]] std::string table(const Options& options);

}  // namespace skald::chip
