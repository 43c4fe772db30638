// SPDX-License-Identifier: MIT
// MEM_CLEAR: in steps between which everybody else has his turn.
#include "firmware_fixture.hpp"

namespace skald::fw::test {
namespace {

using Ranges = std::vector<std::pair<u64, u32>>;

class ClearTest : public FirmwareTest {
  protected:
    std::optional<u32> clear(u64 offset, u64 bytes) {
        return command(
            {SKALD_MBOX_MEM_CLEAR, 7, low(offset), high(offset), low(bytes), high(bytes)});
    }
    void expect_invalid(u64 offset, u64 bytes, u32 word) {
        EXPECT_EQ(clear(offset, bytes), SKALD_MBOX_INVALID) << offset << ", " << bytes;
        EXPECT_EQ(hw.response[2], word) << offset << ", " << bytes;
    }
};

TEST_F(ClearTest, GoesInStepsWithoutSleepingInBetween) {
    constexpr u64 kBytes = 2ull * hw::kClearMost + SKALD_CLEAR_UNIT;
    EXPECT_EQ(clear(0x5000, kBytes), std::nullopt);
    EXPECT_LE(hw.timer, hw.now) << "nothing else wakes the core";
    EXPECT_EQ(answered_after_turn(), std::nullopt);
    EXPECT_EQ(answered_after_turn(), std::nullopt);
    EXPECT_LE(hw.timer, hw.now);
    EXPECT_EQ(answered_after_turn(), SKALD_MBOX_OK);
    EXPECT_EQ(hw.response[SKALD_MBOX_W_TAG], 7u);
    EXPECT_GT(hw.timer, hw.now);
    EXPECT_EQ(hw.cleared, (Ranges{{0x5000, hw::kClearMost},
                                  {0x5000 + u64{hw::kClearMost}, hw::kClearMost},
                                  {0x5000 + 2 * u64{hw::kClearMost}, SKALD_CLEAR_UNIT}}));
}

TEST_F(ClearTest, JobsStartAndEndMeanwhile) {
    context(0);
    queue(0);
    EXPECT_EQ(clear(0, 3ull * hw::kClearMost), std::nullopt);
    submit(0);
    EXPECT_EQ(hw.engine, Moves{"launch 0"});
    end(SKALD_JOB_DONE);
    EXPECT_EQ(hw.completions.size(), 1u);
    EXPECT_EQ(hw.responses, 2u) << "of the context and the queue";
    EXPECT_EQ(answered_after_turn(), SKALD_MBOX_OK);
    EXPECT_EQ(hw.cleared.size(), 3u);
}

TEST_F(ClearTest, RangesMustBeWholeUnitsOfTheMemoryThereIs) {
    expect_invalid(64, 4096, SKALD_MC_OFFSET_LO);
    expect_invalid(hw.memory, 4096, SKALD_MC_OFFSET_LO);
    expect_invalid(1ull << 40, 4096, SKALD_MC_OFFSET_LO);
    expect_invalid(0, 0, SKALD_MC_BYTES_LO);
    expect_invalid(0, 64, SKALD_MC_BYTES_LO);
    expect_invalid(4096, hw.memory, SKALD_MC_BYTES_LO);
    expect_invalid(4096, ~0ull << 12, SKALD_MC_BYTES_LO);
    EXPECT_EQ(hw.cleared, Ranges{});
    EXPECT_EQ(clear(0, hw.memory), std::nullopt);
    for (u64 left = hw.memory; left != hw::kClearMost; left -= hw::kClearMost) {
        EXPECT_EQ(answered_after_turn(), std::nullopt);
    }
    EXPECT_EQ(answered_after_turn(), SKALD_MBOX_OK);
}

}  // namespace
}  // namespace skald::fw::test
