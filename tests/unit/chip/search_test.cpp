// SPDX-License-Identifier: MIT
#include "chip/search.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "libskald/error.hpp"
#include "small_model.hpp"

namespace skald::chip {
namespace {

SearchOptions small_search() {
    SearchOptions options;
    options.base.chip = "sk1";
    options.base.shape = small_config();
    options.base.prompt = 32;
    options.base.generated = 16;
    options.keys = {{"dram_gbs", 100, 1600, 5}, {"launch_ns", 10, 1000, 3}};
    options.targets = {{"user_tps", true, 0}};
    return options;
}

TEST(Search, LooksAtEqualRatios) {
    const auto values = values_of({"dram_gbs", 100, 1600, 5});
    ASSERT_EQ(values.size(), 5u);
    for (std::size_t i = 0; i < 5; ++i)
        EXPECT_NEAR(values[i], 100 * (1 << i), 1e-6);
    EXPECT_EQ(values_of({"batch", 4, 4, 1}), std::vector<double>{4});
}

TEST(Search, GivesThePointsThatNoOtherUndercuts) {
    SearchOptions options = small_search();
    SearchResult result = search(options, 2);
    ASSERT_EQ(result.points.size(), 15u);
    // A target that the middle of them meets.
    std::vector<double> rates;
    for (const SearchPoint& point : result.points)
        rates.push_back(*result.outcome(point, "user_tps"));
    std::ranges::sort(rates);
    result.options.targets[0].value = rates[7];
    const auto least = result.least();
    ASSERT_FALSE(least.empty());
    for (const std::size_t i : least) {
        EXPECT_TRUE(result.meets_all(result.points[i]));
        for (const SearchPoint& other : result.points) {
            const auto& a = other.values;
            const auto& b = result.points[i].values;
            // Less bandwidth and more time to launch would do.
            const bool takes_less = a[0] <= b[0] && a[1] >= b[1] && a != b;
            EXPECT_FALSE(takes_less && result.meets_all(other));
        }
    }
    const auto json = nlohmann::json::parse(print_search(result, Format::kJson));
    EXPECT_EQ(json.size(), 15u);
    EXPECT_EQ(std::ranges::count_if(json, [](const auto& line) { return bool(line["least"]); }),
              static_cast<std::ptrdiff_t>(least.size()));
}

TEST(Search, SaysHowNearItCameWhereNothingMeetsATarget) {
    SearchOptions options = small_search();
    options.targets = {{"user_tps", true, 1e12}};
    const SearchResult result = search(options, 2);
    EXPECT_TRUE(result.least().empty());
    EXPECT_NE(print_search(result, Format::kText).find("No point meets all of them."),
              std::string::npos);
}

TEST(Search, RefusesKeysThatThereAreNotBeforeItRuns) {
    SearchOptions options = small_search();
    options.keys[0].key = "dram_gigabytes";
    EXPECT_THROW((void)search(options, 1), rt::Error);
}

TEST(Search, CountsTheBatchAsAKey) {
    SearchOptions options = small_search();
    options.keys = {{"batch", 1, 4, 3}};
    const SearchResult result = search(options, 2);
    EXPECT_EQ(result.points[0].measured->batch, 1u);
    EXPECT_EQ(result.points[2].measured->batch, 4u);
}

}  // namespace
}  // namespace skald::chip
