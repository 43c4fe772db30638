// SPDX-License-Identifier: MIT
#include "console/arguments.hpp"

#include <gtest/gtest.h>

#include <string>

namespace skald::console {
namespace {

// The number as CLI11 gets to see it; empty if it was refused.
std::string taken(std::string text, std::uint64_t low = 0, std::uint64_t high = UINT64_MAX) {
    return whole_number(low, high)(text).empty() ? text : "";
}

TEST(WholeNumber, IsDecimal) {
    EXPECT_EQ(taken("0"), "0");
    EXPECT_EQ(taken("010"), "10");
    EXPECT_EQ(taken("18446744073709551615"), "18446744073709551615");
    for (const char* text : {"", "-1", "+1", "0x10", "1e3", "1.0", " 1", "1 ", "many"})
        EXPECT_EQ(taken(text), "") << text;
}

TEST(WholeNumber, IsNeverWrappedOrCut) {
    EXPECT_EQ(taken("18446744073709551616"), "");
    EXPECT_EQ(taken("99999999999999999999999"), "");
    EXPECT_EQ(taken("256", 1, 256), "256");
    EXPECT_EQ(taken("257", 1, 256), "");
    EXPECT_EQ(taken("0", 1, 256), "");
    std::string text = "4294967296";
    EXPECT_EQ(whole_number<std::uint32_t>()(text),
              "4294967296 is not a whole number from 0 to 4294967295");
}

TEST(PowerOfTwo, IsOneWithinItsBounds) {
    const auto taken = [](std::string text) { return power_of_two(4, 1 << 20)(text); };
    for (const char* text : {"4", "8", "1048576"})
        EXPECT_EQ(taken(text), "") << text;
    for (const char* text : {"0", "1", "2", "3", "6", "96", "2097152", "-4", "", "4M"})
        EXPECT_EQ(taken(text), std::string(text) + " is not a power of two from 4 to 1048576");
}

TEST(FileName, IsNotEmpty) {
    EXPECT_EQ(file_name()(std::string("a")), "");
    EXPECT_NE(file_name()(std::string()), "");
}

}  // namespace
}  // namespace skald::console
