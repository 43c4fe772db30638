// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <vector>

#include "chip/fit.hpp"
#include "chip/rows.hpp"

namespace skald::chip {

// Those of a plan and no others, which take time.
inline std::vector<Row> rows_of(const FitPlan& plan) {
    std::vector<Row> rows = load_rows("");
    std::erase_if(rows, [&](const Row& row) {
        return std::ranges::find(plan.rows, row.id) == plan.rows.end();
    });
    return rows;
}

}  // namespace skald::chip
