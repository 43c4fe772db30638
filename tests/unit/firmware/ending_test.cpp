// SPDX-License-Identifier: MIT
// Jobs that do not end well: faults, bans, kills, destroyed queues, HALT, and the races between
// them.
#include "firmware_fixture.hpp"

namespace skald::fw::test {
namespace {

class EndingTest : public FirmwareTest {
  protected:
    void SetUp() override {
        FirmwareTest::SetUp();
        context(0);
        context(1);
        queue(0);
        queue(1);
        queue(2, SKALD_FW_PRIO_HIGH, 1);
    }
    std::vector<std::pair<u32, u32>> ended() const {  // queue, status
        std::vector<std::pair<u32, u32>> list;
        for (const auto& c : hw.completions) {
            list.emplace_back(c.queue, c.record.status);
        }
        return list;
    }
    using Ends = std::vector<std::pair<u32, u32>>;
    u32 fault_reason(u32 ctx) {
        EXPECT_EQ(command({SKALD_MBOX_CTX_FAULT, 0, ctx}), SKALD_MBOX_OK);
        return hw.response[SKALD_CF_REASON];
    }
};

TEST_F(EndingTest, AFaultEndsEverythingOfItsContextInOrder) {
    submit(0, 2);
    submit(1, 2);
    end(SKALD_JOB_FAULT, 1, SKALD_FAULT_VALUE);
    EXPECT_EQ(ended(), (Ends{{0, SKALD_JOB_FAULT},
                             {0, SKALD_JOB_BANNED},
                             {1, SKALD_JOB_BANNED},
                             {1, SKALD_JOB_BANNED}}));
    submit(2);
    EXPECT_EQ(hw.engine.back(), "launch 2") << "the other context goes on";
}

TEST_F(EndingTest, TheFirstFaultStays) {
    submit(0);
    submit(1);
    pass(kSliceUs);
    end(SKALD_CORE_PREEMPTED, 77);
    end(SKALD_JOB_FAULT, 1, SKALD_FAULT_VALUE);
    EXPECT_EQ(ended(), (Ends{{1, SKALD_JOB_FAULT}, {0, SKALD_JOB_CANCELLED}})) << "0 had started";
    EXPECT_EQ(hw.completions[1].record.micro_ops, 77u);
    ASSERT_EQ(command({SKALD_MBOX_CTX_KILL, 0, 0, SKALD_FAULT_WATCHDOG}), SKALD_MBOX_OK);
    EXPECT_EQ(fault_reason(0), SKALD_FAULT_VALUE);
    EXPECT_EQ(hw.response[SKALD_CF_QUEUE], 1u);
    EXPECT_EQ(hw.response[SKALD_CF_OP_INDEX], 5u);
}

TEST_F(EndingTest, DestroyWaitsForTheRunningJobOnly) {
    submit(0, 2);
    EXPECT_EQ(command({SKALD_MBOX_QUEUE_DESTROY, 9, 1}), SKALD_MBOX_OK) << "idle queue";
    EXPECT_EQ(command({SKALD_MBOX_QUEUE_DESTROY, 9, 0}), std::nullopt);
    EXPECT_EQ(hw.engine.back(), "cancel");
    EXPECT_EQ(hw.enabled & SKALD_CORE_IRQ_MBOX, 0u)
        << "the waiting command must not keep the core awake";
    hw.end(SKALD_JOB_CANCELLED);
    EXPECT_EQ(answered_after_turn(), SKALD_MBOX_OK);
    EXPECT_EQ(hw.response[1], 9u);
    EXPECT_EQ(ended(), (Ends{{0, SKALD_JOB_CANCELLED}, {0, SKALD_JOB_CANCELLED}}));
    EXPECT_NE(hw.enabled & SKALD_CORE_IRQ_MBOX, 0u);
    EXPECT_EQ(hw.queues.size(), 1u);
}

TEST_F(EndingTest, AJobThatEndedJustBeforeItsCancelKeepsItsStatus) {
    submit(0);
    ASSERT_EQ(command({SKALD_MBOX_QUEUE_DESTROY, 0, 0}), std::nullopt);
    hw.end(SKALD_JOB_DONE);
    EXPECT_EQ(answered_after_turn(), SKALD_MBOX_OK);
    EXPECT_EQ(ended(), (Ends{{0, SKALD_JOB_DONE}}));
}

TEST_F(EndingTest, APreemptionThatCrossesACancelIsACancel) {
    submit(0);
    submit(2);
    ASSERT_EQ(hw.engine.back(), "preempt");
    ASSERT_EQ(command({SKALD_MBOX_CTX_KILL, 0, 0, SKALD_FAULT_WATCHDOG}), std::nullopt);
    hw.end(SKALD_CORE_PREEMPTED);
    EXPECT_EQ(answered_after_turn(), SKALD_MBOX_OK);
    EXPECT_EQ(ended(), (Ends{{0, SKALD_JOB_CANCELLED}}));
    EXPECT_EQ(hw.engine.back(), "launch 2");
    EXPECT_EQ(fault_reason(0), SKALD_FAULT_WATCHDOG);
}

TEST_F(EndingTest, AKillRecordsItsReasonEvenIfTheJobWasFaster) {
    submit(0);
    ASSERT_EQ(command({SKALD_MBOX_CTX_KILL, 0, 0, SKALD_FAULT_WATCHDOG}), std::nullopt);
    hw.end(SKALD_JOB_DONE);
    EXPECT_EQ(answered_after_turn(), SKALD_MBOX_OK);
    EXPECT_EQ(fault_reason(0), SKALD_FAULT_WATCHDOG);
    EXPECT_EQ(hw.response[SKALD_CF_SEQ_LO], 1u);
}

TEST_F(EndingTest, WhatIsRungDuringACancelEndsToo) {
    submit(0);
    ASSERT_EQ(command({SKALD_MBOX_CTX_KILL, 0, 0, 0}), std::nullopt);
    submit(0);
    submit(1);
    EXPECT_EQ(ended(), (Ends{{1, SKALD_JOB_BANNED}}));
    hw.end(SKALD_JOB_CANCELLED);
    EXPECT_EQ(answered_after_turn(), SKALD_MBOX_OK);
    EXPECT_EQ(ended(),
              (Ends{{1, SKALD_JOB_BANNED}, {0, SKALD_JOB_CANCELLED}, {0, SKALD_JOB_CANCELLED}}));
    submit(0);
    EXPECT_EQ(ended().back(), (std::pair<u32, u32>{0, SKALD_JOB_BANNED}));
}

TEST_F(EndingTest, KillingAContextLeavesTheRunningJobOfAnother) {
    submit(2);
    submit(0, 2);
    EXPECT_EQ(command({SKALD_MBOX_CTX_KILL, 0, 0, 0}), SKALD_MBOX_OK);
    EXPECT_EQ(ended(), (Ends{{0, SKALD_JOB_CANCELLED}, {0, SKALD_JOB_CANCELLED}}));
    EXPECT_EQ(hw.running, 2u);
}

TEST_F(EndingTest, InvalidateWaitsForTheHardware) {
    submit(0);
    EXPECT_EQ(command({SKALD_MBOX_CTX_INVALIDATE, 0, 1}), std::nullopt);
    EXPECT_EQ(hw.invalidated, (std::vector<u32>{1}));
    hw.end(SKALD_JOB_DONE);
    EXPECT_EQ(answered_after_turn(), std::nullopt) << "something else happened";
    hw.pending |= SKALD_CORE_IRQ_TLB;
    EXPECT_EQ(answered_after_turn(), SKALD_MBOX_OK);
    EXPECT_EQ(hw.pending & SKALD_CORE_IRQ_TLB, 0u);
}

TEST_F(EndingTest, DestroyingAContextInvalidatesItBeforeTheAnswer) {
    ASSERT_EQ(command({SKALD_MBOX_QUEUE_DESTROY, 0, 2}), SKALD_MBOX_OK);
    EXPECT_EQ(command({SKALD_MBOX_CTX_DESTROY, 0, 1}), std::nullopt);
    EXPECT_FALSE(hw.roots.contains(1));
    hw.pending |= SKALD_CORE_IRQ_TLB;
    EXPECT_EQ(answered_after_turn(), SKALD_MBOX_OK);
}

TEST_F(EndingTest, HaltStopsEverythingThenTheCore) {
    submit(0, 2);
    submit(1);
    EXPECT_EQ(command({SKALD_MBOX_HALT}), std::nullopt);
    submit(2);
    hw.end(SKALD_JOB_CANCELLED);
    EXPECT_THROW(firmware.turn(), Stopped);
    EXPECT_EQ(hw.responses, 6u) << "five to set up, one for HALT, before it halted";
    EXPECT_EQ(hw.response[0], SKALD_MBOX_OK);
    EXPECT_EQ(hw.halted, 0u);
    EXPECT_EQ(ended(),
              (Ends{{1, SKALD_JOB_CANCELLED}, {0, SKALD_JOB_CANCELLED}, {0, SKALD_JOB_CANCELLED}}));
}

TEST(FirmwareBoot, RefusesAnotherMajorAbi) {
    FakeHw hw;
    fake = &hw;
    hw.host_abi = SKALD_FW_ABI + (1u << 16);
    Firmware firmware;
    EXPECT_THROW(firmware.boot(), Stopped);
    EXPECT_EQ(hw.refused, SKALD_BOOT_HOST_ABI);
    EXPECT_FALSE(hw.ready);
    hw.host_abi = SKALD_FW_ABI + 1;
    firmware.boot();
    EXPECT_TRUE(hw.ready);
    fake = nullptr;
}

}  // namespace
}  // namespace skald::fw::test
