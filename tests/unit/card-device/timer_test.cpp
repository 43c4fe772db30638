// SPDX-License-Identifier: MIT
// The control core's timer: whenever it falls due, WFI ends.
#include "card_fixture.hpp"
#include "small_firmware.hpp"

namespace skald::card::test {
namespace {

using TimerTest = CardTest;

// Between two looks of the card at its clock lie 10 us here, so that the timer falls due between
// any two of them in one of the rounds.
TEST_F(TimerTest, FallsDueBetweenAnyTwoLooksAtTheClock) {
    constexpr std::uint32_t kRounds = 60;
    SmallFirmware firmware;
    for (std::uint32_t round = 1; round <= kRounds; ++round) {
        firmware.sleep_us(5 * round);
        firmware.report(round);
    }
    host.step_clock(10'000);
    ASSERT_EQ(driver->boot(firmware.image()), SKALD_STATE_RUNNING);
    EXPECT_TRUE(host.wait([&] { return driver->reg(SKALD_REG_HEARTBEAT) == kRounds; }))
        << "slept over in round " << driver->reg(SKALD_REG_HEARTBEAT) + 1;
}

TEST_F(TimerTest, FallsDueWhileTheCoreWatchesForTheEndOfAJob) {
    constexpr std::uint32_t kRounds = 80;
    SmallFirmware firmware;
    firmware.create_context(0, 0x100000);
    firmware.create_queue(0, 0, kHostBase);
    for (std::uint32_t round = 1; round <= kRounds; ++round) {
        firmware.launch(0, kProgramHang, 1);
        firmware.sleep_us(round);
        firmware.report(round);
        firmware.store(SKALD_CORE_ENG_CMD, SKALD_CORE_ENG_CANCEL);
        firmware.wait_for_engine(2);
        firmware.store(SKALD_CORE_IRQ_CLEAR, SKALD_CORE_IRQ_ENGINE);
    }
    ASSERT_EQ(driver->boot(firmware.image()), SKALD_STATE_RUNNING);
    EXPECT_TRUE(host.wait([&] { return driver->reg(SKALD_REG_HEARTBEAT) == kRounds; }))
        << "slept over in round " << driver->reg(SKALD_REG_HEARTBEAT) + 1;
}

// Two jobs that do not end, of equal queues. The first runs in what a short one before it has left
// of the slice: so little, in some of the rounds, that it is over before the core sleeps.
TEST_F(TimerTest, ANearlySpentSliceLeavesAnEqualItsTurn) {
    constexpr std::uint32_t kSliceUs = 10'000, kTurnUs = 1'000;
    for (std::uint32_t spent = kSliceUs - kTurnUs; spent < kSliceUs; spent += 10) {
        driver->reset();
        boot_with_context();
        ASSERT_EQ(driver->create_queue({.id = 0}), SKALD_MBOX_OK);
        ASSERT_EQ(driver->create_queue({.id = 1}), SKALD_MBOX_OK);
        host.step_clock(5'000);
        engine->hold(true);
        driver->submit(0, kProgramDone);
        ASSERT_TRUE(host.wait([&] { return driver->reg(SKALD_REG_ENGINE_STATE) == 1; }));
        driver->submit(0, kProgramHang);
        driver->submit(1, kProgramDone);
        ASSERT_EQ(driver->command({SKALD_MBOX_PING})[0], SKALD_MBOX_OK) << "it has seen all three";
        host.pass(spent * 1000ull);
        engine->hold(false);
        ASSERT_EQ(driver->completion(1, 1).status, SKALD_JOB_DONE) << spent << " us were spent";
    }
}

}  // namespace
}  // namespace skald::card::test
