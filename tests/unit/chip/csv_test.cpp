// SPDX-License-Identifier: MIT
#include "chip/csv.hpp"

#include <gtest/gtest.h>

namespace skald::chip {
namespace {

TEST(Csv, GivesBackTheCellsThatWerePut) {
    const std::vector<std::string> cells = {"a", "weights=fp8,kv=fp8", "say \"no\"", "", "1.5"};
    std::string line = csv_line(cells);
    ASSERT_EQ(line.back(), '\n');
    line.pop_back();
    EXPECT_EQ(csv_cells(line), cells);
}

TEST(Csv, QuotesOnlyWhatNeedsIt) {
    EXPECT_EQ(csv_line({"a b", "1,2"}), "a b,\"1,2\"\n");
}

}  // namespace
}  // namespace skald::chip
