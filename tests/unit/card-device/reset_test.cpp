// SPDX-License-Identifier: MIT
// Resets: from every state, in the middle of jobs and commands, from several threads, and what must
// not leak through.
#include <chrono>
#include <random>
#include <thread>

#include "card_fixture.hpp"

namespace skald::card::test {
namespace {

class ResetTest : public CardTest {
  protected:
    void start(const QueueConfig& config) {
        ASSERT_EQ(driver->create_queue(config), SKALD_MBOX_OK);
    }
    void wait_for_engine() {
        ASSERT_TRUE(host.wait([&] { return driver->reg(SKALD_REG_ENGINE_STATE) == 1; }));
    }
};

TEST_F(ResetTest, ComesBackIdleWithResetValues) {
    boot_with_context();
    driver->reset();
    EXPECT_EQ(driver->status(), SKALD_STATE_IDLE);
    EXPECT_EQ(driver->reg(SKALD_REG_HOST_ABI), 0u);
    EXPECT_EQ(driver->reg(SKALD_REG_INTR_MASK), 0u);
    EXPECT_EQ(driver->reg(SKALD_REG_INTR_STATUS), 0u);
    EXPECT_EQ(driver->reg(SKALD_REG_FW_ABI), 0u);
    EXPECT_EQ(driver->reg(SKALD_REG_MBOX_CMD0), 0u);
    EXPECT_EQ(driver->reg(SKALD_REG_MEM_SIZE_LO), kMemoryBytes);
    EXPECT_EQ(driver->log_text(), "") << "the shared SRAM is cleared";
    EXPECT_FALSE(engine->root(0));
}

TEST_F(ResetTest, CardMemoryKeepsItsContent) {
    host.memory()[0x7fffff] = std::byte{0x5a};
    boot();
    driver->reset();
    EXPECT_EQ(host.memory()[0x7fffff], std::byte{0x5a});
}

TEST_F(ResetTest, InTheMiddleOfAJobNeitherCompletesNorInterrupts) {
    boot_with_context();
    start({.id = 0, .vector = 2});
    driver->submit(0, kProgramHang);
    wait_for_engine();
    card->begin_reset();
    const std::uint64_t before = host.interrupts(2);
    ASSERT_TRUE(host.wait([&] { return !card->reset_pending(); }));
    EXPECT_FALSE(driver->poll(0, 1));
    EXPECT_EQ(host.interrupts(2), before);
    boot_with_context();
    start({.id = 0});
    EXPECT_EQ(driver->completion(0, driver->submit(0, kProgramDone)).status, SKALD_JOB_DONE);
}

TEST_F(ResetTest, BeginNeverWaitsAndRegistersReadZeroMeanwhile) {
    boot_with_context();
    start({.id = 0});
    driver->submit(0, kProgramHang);
    wait_for_engine();
    const auto before = std::chrono::steady_clock::now();
    card->begin_reset();
    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(1));
    const std::uint32_t id = driver->reg(SKALD_REG_ID);
    EXPECT_TRUE(id == 0 || !card->reset_pending());
    card->reg_write(SKALD_REG_HOST_ABI, 5);
    card->doorbell_write(0, 1);
    ASSERT_TRUE(host.wait([&] { return !card->reset_pending(); }));
}

TEST_F(ResetTest, WithACommandInFlightTheMailboxIsFreeAgain) {
    boot_with_context();
    start({.id = 0});
    driver->submit(0, kProgramHang);
    wait_for_engine();
    driver->post({SKALD_MBOX_QUEUE_DESTROY, 0});
    driver->reset();
    EXPECT_TRUE(driver->answered());
    boot();
    EXPECT_EQ(driver->command({SKALD_MBOX_PING})[0], SKALD_MBOX_OK);
}

TEST_F(ResetTest, ManyInARowAreOne) {
    boot();
    for (int n = 0; n < 100; ++n) {
        card->begin_reset();
    }
    ASSERT_TRUE(host.wait([&] { return !card->reset_pending(); }));
    boot();
}

TEST_F(ResetTest, WinsOverBootInTheSameWrite) {
    card->reg_write(SKALD_REG_CTRL, SKALD_CTRL_RESET | SKALD_CTRL_BOOT);
    ASSERT_TRUE(host.wait([&] { return !card->reset_pending(); }));
    EXPECT_EQ(driver->status(), SKALD_STATE_IDLE);
}

TEST_F(ResetTest, DestroyingACardInTheMiddleOfEverythingStopsItsThreads) {
    boot_with_context();
    start({.id = 0});
    driver->submit(0, kProgramHang);
    wait_for_engine();
    card->begin_reset();
    destroy();
    EXPECT_EQ(host.live_threads(), 0);
}

TEST_F(ResetTest, AtRandomMomentsTheNextLifeIsAlwaysWhole) {
    std::mt19937 random(7);
    for (int life = 0; life < 25; ++life) {
        driver->start_boot(firmware_image());
        const unsigned goal = random() % 4;
        if (goal >= 1) {
            ASSERT_TRUE(host.wait([&] { return driver->status() == SKALD_STATE_RUNNING; }));
        }
        if (goal >= 2) {
            ASSERT_EQ(driver->create_context(0), SKALD_MBOX_OK);
            start({.id = 0, .priority = SKALD_FW_PRIO_LOW});
            start({.id = 1, .priority = SKALD_FW_PRIO_HIGH, .vector = 2});
            driver->submit(0, kProgramSteps, 1 + random() % 20);
            driver->submit(1, random() % 2 ? kProgramHang : kProgramDone);
        }
        if (goal == 3) {
            driver->post({SKALD_MBOX_CTX_KILL, 0, 0});
        }
        for (unsigned spin = random() % 2000; spin > 0; --spin) {
            (void)driver->status();  // some time passes
        }
        driver->reset();
        ASSERT_EQ(driver->status(), SKALD_STATE_IDLE) << "life " << life;
    }
    boot_with_context();
    start({.id = 0});
    EXPECT_EQ(driver->completion(0, driver->submit(0, kProgramDone)).status, SKALD_JOB_DONE);
}

// vCPUs hammer registers and doorbells while another resets: nothing to assert but that it ends,
// and what sanitizers see.
TEST_F(ResetTest, AccessesFromManyThreadsDuringResetsAreHarmless) {
    std::atomic<bool> stop{false};
    std::vector<std::thread> vcpus;
    for (unsigned n = 0; n < 3; ++n) {
        vcpus.emplace_back([&, n] {
            std::mt19937 random(n);
            while (!stop) {
                const std::uint32_t offset = random() % (SKALD_SHARED_OFFSET + 256);
                (void)card->reg_read(offset & ~3u);
                if (random() % 8 == 0) {
                    card->reg_write((offset & 0x2fc) | 0x200, random());
                }
                card->doorbell_write(random() % 300 * SKALD_DOORBELL_STRIDE, random());
            }
        });
    }
    for (int n = 0; n < 10; ++n) {
        driver->start_boot(firmware_image());
        (void)host.wait([&] { return driver->status() != SKALD_STATE_BOOTING; });
        card->begin_reset();
        ASSERT_TRUE(host.wait([&] { return !card->reset_pending(); }));
    }
    stop = true;
    for (std::thread& vcpu : vcpus) {
        vcpu.join();
    }
    driver->reset();
    boot();
}

}  // namespace
}  // namespace skald::card::test
