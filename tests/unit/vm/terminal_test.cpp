// SPDX-License-Identifier: MIT
// The way out of a guest's terminal.
#include "vm/host/terminal.hpp"

#include <gtest/gtest.h>

namespace skald::vm {
namespace {

using std::chrono::milliseconds;

class Escape : public testing::Test {
  protected:
    bool type(std::initializer_list<std::uint8_t> keys, milliseconds at) {
        return watch_.escaped(std::span(keys.begin(), keys.size()), start_ + at);
    }
    EscapeWatch watch_;
    EscapeWatch::Clock::time_point start_{};
};

TEST_F(Escape, TwiceInOneReadOrInTwo) {
    EXPECT_TRUE(type({'a', 0x1d, 0x1d}, milliseconds(0)));
    EscapeWatch fresh;
    watch_ = fresh;
    EXPECT_FALSE(type({0x1d}, milliseconds(0)));
    EXPECT_TRUE(type({0x1d}, milliseconds(900)));
}

TEST_F(Escape, NotOnceNotSlowlyNotWithAKeyBetween) {
    EXPECT_FALSE(type({0x1d}, milliseconds(0)));
    EXPECT_FALSE(type({0x1d}, milliseconds(1100)));
    EXPECT_FALSE(type({'x'}, milliseconds(1200)));
    EXPECT_FALSE(type({0x1d}, milliseconds(1300)));
    EXPECT_FALSE(type({}, milliseconds(1400)));
}

TEST(WindowOf, IsZeroWhereThereIsNoTerminal) {
    EXPECT_EQ(window_of(-1), Window{});
}

}  // namespace
}  // namespace skald::vm
