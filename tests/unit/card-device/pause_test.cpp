// SPDX-License-Identifier: MIT
// What a card does while the machine around it stands still: nothing.
#include "moving_card.hpp"

namespace skald::card::test {
namespace {

using Pause = MovingCard;

TEST_F(Pause, AJobHaltsAndGoesOnAndEveryMicroOpIsExecutedOnce) {
    constexpr std::uint64_t kTurns = 400000;
    boot();
    ASSERT_EQ(driver->create_queue({.id = 0}), SKALD_MBOX_OK);
    const std::uint64_t job = submit(0, counting(kTurns, kData));
    wait_until_running(0);
    int stops = 0;
    while (!driver->poll(0, job)) {
        const std::uint64_t before = card_word(host, kData);
        stop();
        const std::uint64_t counted = card_word(host, kData);
        const std::uint32_t retired = driver->reg(SKALD_REG_RETIRED_LO);
        EXPECT_GE(counted, before);
        for (int look = 0; look < 100; ++look) {
            ASSERT_EQ(card_word(host, kData), counted);
            ASSERT_EQ(driver->reg(SKALD_REG_RETIRED_LO), retired);
        }
        card->end_pause();
        ++stops;
    }
    EXPECT_GT(stops, 1);
    EXPECT_EQ(driver->completion(0, job).status, SKALD_JOB_DONE);
    EXPECT_EQ(driver->completion(0, job).micro_ops, 2 + 2 * kTurns);
    EXPECT_EQ(card_word(host, kData), kTurns);
}

TEST_F(Pause, AJobThatWaitsHaltsAsWell) {
    boot();
    ASSERT_EQ(driver->create_queue({.id = 0}), SKALD_MBOX_OK);
    const std::uint64_t job = submit(0, waiting(kData));
    wait_until_running(0);
    stop();
    set_card_word(host, kData, 1);
    EXPECT_FALSE(driver->poll(0, job));
    EXPECT_EQ(driver->reg(SKALD_REG_ENGINE_STATE), 1u);
    card->end_pause();
    EXPECT_EQ(driver->completion(0, job).status, SKALD_JOB_DONE);
}

TEST_F(Pause, TheFirmwareHaltsAndAnswersAfterwards) {
    boot();
    stop();
    driver->post({SKALD_MBOX_PING});
    const std::uint32_t heartbeat = driver->reg(SKALD_REG_HEARTBEAT);
    for (int look = 0; look < 1000; ++look) {
        ASSERT_FALSE(driver->answered());
    }
    EXPECT_EQ(driver->reg(SKALD_REG_HEARTBEAT), heartbeat);
    card->end_pause();
    EXPECT_EQ(driver->answer()[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
}

TEST_F(Pause, AJobThatIsSubmittedRunsAfterwards) {
    boot();
    ASSERT_EQ(driver->create_queue({.id = 0}), SKALD_MBOX_OK);
    stop();
    const std::uint64_t job = submit(0, counting(3, kData));
    EXPECT_TRUE(card->paused());
    card->end_pause();
    EXPECT_EQ(driver->completion(0, job).status, SKALD_JOB_DONE);
    EXPECT_EQ(card_word(host, kData), 3u);
}

TEST_F(Pause, AResetWorksAndTheCardStaysPaused) {
    boot();
    ASSERT_EQ(driver->create_queue({.id = 0}), SKALD_MBOX_OK);
    submit(0, counting(1ull << 40, kData));
    wait_until_running(0);
    stop();
    const std::uint64_t counted = card_word(host, kData);
    driver->reset();
    EXPECT_EQ(driver->status(), SKALD_STATE_IDLE);
    ASSERT_TRUE(host.wait([&] { return card->paused(); }));
    EXPECT_EQ(card_word(host, kData), counted);
    driver->start_boot(firmware_image());
    EXPECT_EQ(driver->status(), SKALD_STATE_BOOTING);
    card->end_pause();
    EXPECT_TRUE(host.wait([&] { return driver->status() == SKALD_STATE_RUNNING; }));
}

TEST_F(Pause, AResetWhileTheCardComesToRestIsNotLost) {
    for (int round = 0; round < 20; ++round) {
        boot();
        ASSERT_EQ(driver->create_queue({.id = 0}), SKALD_MBOX_OK);
        seq.fill(0);
        submit(0, round % 2 ? waiting(kData + 8) : counting(1ull << 40, kData));
        card->begin_pause();
        driver->reset();
        ASSERT_EQ(driver->status(), SKALD_STATE_IDLE);
        ASSERT_TRUE(host.wait([&] { return card->paused(); }));
        card->end_pause();
    }
}

TEST_F(Pause, ACardThatIsPausedEnds) {
    boot();
    ASSERT_EQ(driver->create_queue({.id = 0}), SKALD_MBOX_OK);
    submit(0, waiting(kData));
    wait_until_running(0);
    stop();
    card.reset();
    EXPECT_EQ(host.live_threads(), 0);
}

}  // namespace
}  // namespace skald::card::test
