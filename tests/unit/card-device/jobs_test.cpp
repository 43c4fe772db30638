// SPDX-License-Identifier: MIT
// Jobs from doorbell to completion: rings, faults and bans, kills, priorities and slices, through
// the real firmware.
#include <algorithm>

#include "card_fixture.hpp"

namespace skald::card::test {
namespace {

class JobsTest : public CardTest {
  protected:
    void start(const QueueConfig& config) {
        ASSERT_EQ(driver->create_queue(config), SKALD_MBOX_OK);
    }
    void wait_until_running(std::uint32_t queue) {
        ASSERT_TRUE(host.wait([&] {
            return driver->reg(SKALD_REG_ENGINE_STATE) == 1 &&
                   driver->reg(SKALD_REG_ENGINE_QUEUE) == queue;
        })) << queue;
    }
    Words fault_of(std::uint32_t context) {
        return driver->command({SKALD_MBOX_CTX_FAULT, context});
    }
    std::uint32_t state_of(std::uint32_t queue) {
        return driver->command({SKALD_MBOX_QUEUE_STATUS, queue})[SKALD_QS_STATE];
    }
};

TEST_F(JobsTest, FirmwareBootsAndAnnouncesItself) {
    boot();
    EXPECT_EQ(driver->reg(SKALD_REG_FW_ABI), SKALD_FW_ABI);
    EXPECT_EQ(driver->reg(SKALD_REG_FW_VERSION), 1u << 24 | 2u << 16);
    EXPECT_NE(driver->log_text().find("skald-fw 1.2.0"), std::string::npos) << driver->log_text();
}

TEST_F(JobsTest, AJobCompletesWithItsCountersAndOneInterrupt) {
    boot_with_context();
    start({.id = 7, .vector = 5});
    const skald_completion record = driver->completion(7, driver->submit(7, kProgramSteps, 4));
    EXPECT_EQ(record.status, SKALD_JOB_DONE);
    EXPECT_EQ(record.micro_ops, 4u);
    EXPECT_EQ(record.cycles, 40u);
    EXPECT_EQ(record.bytes, 400u);
    EXPECT_EQ(record.energy_pj, 4000u);
    EXPECT_EQ(record.reason, SKALD_FAULT_NONE);
    EXPECT_TRUE(host.wait([&] { return host.interrupts(5) == 1; }));
}

TEST_F(JobsTest, TheEngineGetsTheRingEntrysFields) {
    boot_with_context();
    start({.id = 1});
    skald_ring_entry entry{};
    entry.seq = 1;
    entry.program_va = 0x11'2222'3333'0000;
    entry.args_va = 0x44'5555'6666'0040;
    entry.profile_va = 0x77'8888'9999'0080;
    entry.time_budget = 0x1'2345'6789;
    entry.loop_budget = 0x2'3456'789a;
    entry.program_ops = SKALD_PROGRAM_OPS_MAX;
    driver->completion(1, driver->submit(1, entry));
    const JobDesc job = engine->last_job();
    EXPECT_EQ(job.queue, 1u);
    EXPECT_EQ(job.program.value, entry.program_va);
    EXPECT_EQ(job.args.value, entry.args_va);
    EXPECT_EQ(job.profile.value, entry.profile_va);
    EXPECT_EQ(job.time_budget_ns, entry.time_budget);
    EXPECT_EQ(job.loop_budget, entry.loop_budget);
    EXPECT_EQ(job.program_ops, entry.program_ops);
    entry.seq = 2;
    entry.loop_budget = 0;
    driver->completion(1, driver->submit(1, entry));
    EXPECT_EQ(engine->last_job().loop_budget, SKALD_LOOP_BUDGET_DEFAULT);
}

TEST_F(JobsTest, RingsAndCompletionSlotsWrapAround) {
    boot_with_context();
    for (const std::uint32_t log2 : {SKALD_RING_LOG2_MIN, SKALD_RING_LOG2_MAX}) {
        start({.id = log2, .log2 = log2});
        const std::uint64_t in_flight = 1ull << log2;
        for (std::uint64_t n = 1; n <= 150; ++n) {
            if (n > in_flight) {
                ASSERT_EQ(driver->completion(log2, n - in_flight).status, SKALD_JOB_DONE) << n;
            }
            driver->submit(log2, kProgramDone);
        }
        ASSERT_EQ(driver->completion(log2, 150).status, SKALD_JOB_DONE);
    }
    EXPECT_TRUE(host.guest_errors().empty());
}

TEST_F(JobsTest, OneDoorbellForManyEntries) {
    boot_with_context();
    start({.id = 2});
    skald_ring_entry entry{};
    entry.program_va = kProgramDone;
    entry.program_ops = 1;
    for (entry.seq = 1; entry.seq <= 32; ++entry.seq) {
        driver->submit(2, entry, entry.seq == 32);
    }
    for (std::uint64_t seq = 1; seq <= 32; ++seq) {
        EXPECT_EQ(driver->completion(2, seq).status, SKALD_JOB_DONE);
    }
}

TEST_F(JobsTest, BadRingEntriesFaultAndBan) {
    boot();
    const auto spoiled = [](auto change) {
        skald_ring_entry entry{};
        entry.seq = 1;
        entry.program_va = kProgramDone;
        entry.program_ops = 1;
        change(entry);
        return entry;
    };
    const skald_ring_entry bad[] = {
        spoiled([](auto& e) { e.seq = 2; }),
        spoiled([](auto& e) { e.seq = 0; }),
        spoiled([](auto& e) { e.seq = 1ull << 32 | 1; }),
        spoiled([](auto& e) { e.flags = 1; }),
        spoiled([](auto& e) { e.reserved = 1ull << 63; }),
        spoiled([](auto& e) { e.program_ops = 0; }),
        spoiled([](auto& e) { e.program_ops = SKALD_PROGRAM_OPS_MAX + 1; }),
    };
    std::uint32_t id = 0;
    for (const skald_ring_entry& entry : bad) {
        ASSERT_EQ(driver->create_context(id), SKALD_MBOX_OK);
        start({.id = id, .context = id});
        const skald_completion record = driver->completion(id, driver->submit(id, entry));
        EXPECT_EQ(record.status, SKALD_JOB_FAULT) << id;
        EXPECT_EQ(record.reason, SKALD_FAULT_RING_ENTRY);
        const Words fault = fault_of(id);
        EXPECT_EQ(fault[SKALD_CF_REASON], SKALD_FAULT_RING_ENTRY);
        EXPECT_EQ(fault[SKALD_CF_QUEUE], id);
        EXPECT_EQ(fault[SKALD_CF_SEQ_LO], 1u);
        ++id;
    }
    EXPECT_TRUE(engine->starts().empty());
}

TEST_F(JobsTest, AFaultBansItsContextAndOnlyThat) {
    boot_with_context();
    ASSERT_EQ(driver->create_context(1), SKALD_MBOX_OK);
    start({.id = 0});
    start({.id = 1});
    start({.id = 2, .context = 1});
    skald_ring_entry entry{};
    entry.program_ops = 1;
    entry.program_va = kProgramFault;
    entry.seq = 1;
    driver->submit(0, entry, false);
    entry.program_va = kProgramDone;
    entry.seq = 2;
    driver->submit(0, entry);  // both with one doorbell

    const skald_completion first = driver->completion(0, 1);
    EXPECT_EQ(first.status, SKALD_JOB_FAULT);
    EXPECT_EQ(first.reason, SKALD_FAULT_UNMAPPED);
    EXPECT_EQ(first.op_index, 3u);
    EXPECT_EQ(first.address, kFaultAddress);
    EXPECT_EQ(driver->completion(0, 2).status, SKALD_JOB_BANNED);
    EXPECT_EQ(driver->completion(1, driver->submit(1, kProgramDone)).status, SKALD_JOB_BANNED);
    EXPECT_EQ(driver->completion(0, driver->submit(0, kProgramFault)).status, SKALD_JOB_BANNED);
    EXPECT_EQ(driver->completion(2, driver->submit(2, kProgramDone)).status, SKALD_JOB_DONE);

    const Words fault = fault_of(0);
    EXPECT_EQ(fault[SKALD_CF_REASON], SKALD_FAULT_UNMAPPED);
    EXPECT_EQ(fault[SKALD_CF_QUEUE], 0u);
    EXPECT_EQ(fault[SKALD_CF_SEQ_LO], 1u);
    EXPECT_EQ(fault[SKALD_CF_OP_INDEX], 3u);
    EXPECT_EQ(fault[SKALD_CF_ADDR_LO], kFaultAddress);
    EXPECT_EQ(fault_of(1)[SKALD_CF_REASON], SKALD_FAULT_NONE);
    EXPECT_EQ(engine->starts(), (std::vector<std::uint32_t>{0, 2}));
}

TEST_F(JobsTest, AContextMadeAgainStartsClean) {
    boot_with_context();
    start({.id = 0});
    driver->completion(0, driver->submit(0, kProgramFault));
    ASSERT_EQ(driver->command({SKALD_MBOX_QUEUE_DESTROY, 0})[0], SKALD_MBOX_OK);
    ASSERT_EQ(driver->command({SKALD_MBOX_CTX_DESTROY, 0})[0], SKALD_MBOX_OK);
    ASSERT_EQ(driver->create_context(0), SKALD_MBOX_OK);
    start({.id = 0});
    EXPECT_EQ(fault_of(0)[SKALD_CF_REASON], SKALD_FAULT_NONE);
    EXPECT_EQ(driver->completion(0, driver->submit(0, kProgramDone)).status, SKALD_JOB_DONE);
}

TEST_F(JobsTest, DestroyingAQueueCancelsWhatRunsAndWaits) {
    boot_with_context();
    start({.id = 4, .vector = 3});
    driver->submit(4, kProgramHang);
    driver->submit(4, kProgramDone);
    wait_until_running(4);
    EXPECT_EQ(driver->command({SKALD_MBOX_QUEUE_DESTROY, 4})[0], SKALD_MBOX_OK);
    ASSERT_TRUE(driver->poll(4, 2)) << "both have completed before the answer";
    EXPECT_EQ(driver->poll(4, 1)->status, SKALD_JOB_CANCELLED);
    EXPECT_EQ(driver->poll(4, 2)->status, SKALD_JOB_CANCELLED);
    EXPECT_EQ(driver->reg(SKALD_REG_ENGINE_STATE), 0u);
    driver->ring(4, 3);
    EXPECT_EQ(host.guest_errors().size(), 1u) << "the doorbell is gone";
    start({.id = 4});
    EXPECT_EQ(driver->completion(4, driver->submit(4, kProgramDone)).status, SKALD_JOB_DONE);
}

TEST_F(JobsTest, KillingAContextCancelsAllItsJobsAndRecordsTheReason) {
    boot_with_context();
    ASSERT_EQ(driver->create_context(1), SKALD_MBOX_OK);
    start({.id = 0});
    start({.id = 1, .priority = SKALD_FW_PRIO_LOW});
    start({.id = 2, .context = 1, .priority = SKALD_FW_PRIO_LOW});
    driver->submit(0, kProgramHang);
    wait_until_running(0);
    driver->submit(0, kProgramDone);
    driver->submit(1, kProgramDone);
    driver->submit(2, kProgramDone);
    EXPECT_EQ(driver->command({SKALD_MBOX_CTX_KILL, 0, SKALD_FAULT_WATCHDOG})[0], SKALD_MBOX_OK);
    EXPECT_EQ(driver->completion(0, 1).status, SKALD_JOB_CANCELLED);
    EXPECT_EQ(driver->completion(0, 2).status, SKALD_JOB_CANCELLED);
    EXPECT_EQ(driver->completion(1, 1).status, SKALD_JOB_CANCELLED);
    EXPECT_EQ(driver->completion(2, 1).status, SKALD_JOB_DONE);
    EXPECT_EQ(driver->completion(1, driver->submit(1, kProgramDone)).status, SKALD_JOB_BANNED);
    const Words fault = fault_of(0);
    EXPECT_EQ(fault[SKALD_CF_REASON], SKALD_FAULT_WATCHDOG);
    EXPECT_EQ(fault[SKALD_CF_QUEUE], 0u);
    EXPECT_EQ(fault[SKALD_CF_SEQ_LO], 1u);
}

TEST_F(JobsTest, KillingAnIdleContextAnswersAtOnce) {
    boot_with_context();
    start({.id = 0});
    EXPECT_EQ(driver->command({SKALD_MBOX_CTX_KILL, 0, SKALD_FAULT_NONE})[0], SKALD_MBOX_OK);
    EXPECT_EQ(fault_of(0)[SKALD_CF_REASON], SKALD_FAULT_NONE);
    EXPECT_EQ(driver->completion(0, driver->submit(0, kProgramDone)).status, SKALD_JOB_BANNED);
}

TEST_F(JobsTest, InvalidateAnswersForIdleAndForRunningContexts) {
    boot_with_context();
    ASSERT_EQ(driver->create_context(1), SKALD_MBOX_OK);
    start({.id = 0});
    EXPECT_EQ(driver->command({SKALD_MBOX_CTX_INVALIDATE, 0})[0], SKALD_MBOX_OK);
    driver->submit(0, kProgramHang);
    wait_until_running(0);
    for (int n = 0; n < 20; ++n) {
        ASSERT_EQ(driver->command({SKALD_MBOX_CTX_INVALIDATE, 0})[0], SKALD_MBOX_OK);
        ASSERT_EQ(driver->command({SKALD_MBOX_CTX_INVALIDATE, 1})[0], SKALD_MBOX_OK);
    }
    EXPECT_EQ(driver->reg(SKALD_REG_ENGINE_STATE), 1u) << "and the job goes on";
}

TEST_F(JobsTest, HigherPriorityPreemptsAtOnceAndTheOtherGoesOn) {
    boot_with_context();
    start({.id = 0, .priority = SKALD_FW_PRIO_LOW});
    start({.id = 1, .priority = SKALD_FW_PRIO_HIGH});
    driver->submit(0, kProgramSteps, 200);
    wait_until_running(0);
    EXPECT_EQ(driver->completion(1, driver->submit(1, kProgramSteps, 5)).status, SKALD_JOB_DONE);
    EXPECT_FALSE(driver->poll(0, 1)) << "the low one cannot have ended before";
    const skald_completion low = driver->completion(0, 1);
    EXPECT_EQ(low.status, SKALD_JOB_DONE);
    EXPECT_EQ(low.micro_ops, 200u) << "counters are sums over the slices";
    EXPECT_EQ(engine->starts(), (std::vector<std::uint32_t>{0, 1, 0}));
    EXPECT_GE(driver->command({SKALD_MBOX_TELEMETRY})[SKALD_TM_PREEMPTIONS], 1u);
}

TEST_F(JobsTest, LowerPriorityWaitsHoweverLongItTakes) {
    boot_with_context();
    start({.id = 0, .priority = SKALD_FW_PRIO_NORMAL});
    start({.id = 1, .priority = SKALD_FW_PRIO_LOW});
    driver->submit(0, kProgramHang);
    wait_until_running(0);
    driver->submit(1, kProgramDone);
    EXPECT_EQ(state_of(1), 1u);
    EXPECT_EQ(state_of(0), 2u);
    ASSERT_EQ(driver->command({SKALD_MBOX_QUEUE_DESTROY, 0})[0], SKALD_MBOX_OK);
    EXPECT_EQ(driver->completion(1, 1).status, SKALD_JOB_DONE);
    EXPECT_EQ(engine->starts(), (std::vector<std::uint32_t>{0, 1}));
}

TEST_F(JobsTest, EqualsTakeTurnsInSlices) {
    boot_with_context();
    engine->hold(true);  // no turn ends before all three want theirs
    for (std::uint32_t id = 0; id < 3; ++id) {
        start({.id = id});
        driver->submit(id, kProgramHang);
    }
    ASSERT_EQ(state_of(2), SKALD_QSTATE_READY);
    engine->hold(false);
    ASSERT_TRUE(host.wait([&] { return engine->starts().size() >= 10; }));
    const auto starts = engine->starts();
    for (std::size_t n = 3; n < 10; ++n) {
        EXPECT_EQ(starts[n], starts[n - 3]) << n;
    }
    EXPECT_NE(starts[0], starts[1]);
    EXPECT_NE(starts[1], starts[2]);
    EXPECT_NE(starts[0], starts[2]);
    const Words status = driver->command({SKALD_MBOX_QUEUE_STATUS, 0});
    EXPECT_GE(status[SKALD_QS_SLICES], 3u);
    EXPECT_EQ(status[SKALD_QS_HEAD], 0u);
    EXPECT_EQ(status[SKALD_QS_TAIL], 1u);
    EXPECT_EQ(driver->command({SKALD_MBOX_CTX_KILL, 0, 0})[0], SKALD_MBOX_OK);
    for (std::uint32_t id = 0; id < 3; ++id) {
        EXPECT_EQ(driver->completion(id, 1).status, SKALD_JOB_CANCELLED);
    }
}

TEST_F(JobsTest, ALoneJobIsNeverInterruptedByTheSlice) {
    boot_with_context();
    start({.id = 0});
    EXPECT_EQ(driver->completion(0, driver->submit(0, kProgramSteps, 60)).status, SKALD_JOB_DONE);
    EXPECT_EQ(engine->starts().size(), 1u);
}

TEST_F(JobsTest, APreemptedJobOfADestroyedQueueIsCancelledWithItsCounters) {
    boot_with_context();
    start({.id = 0, .priority = SKALD_FW_PRIO_LOW});
    start({.id = 1, .priority = SKALD_FW_PRIO_HIGH});
    driver->submit(0, kProgramHang);
    wait_until_running(0);
    driver->submit(1, kProgramHang);
    wait_until_running(1);
    EXPECT_EQ(state_of(0), 3u);
    EXPECT_EQ(driver->command({SKALD_MBOX_QUEUE_DESTROY, 0})[0], SKALD_MBOX_OK);
    const skald_completion record = driver->completion(0, 1);
    EXPECT_EQ(record.status, SKALD_JOB_CANCELLED);
    EXPECT_EQ(record.cycles, 10 * record.micro_ops);
    EXPECT_EQ(driver->reg(SKALD_REG_ENGINE_QUEUE), 1u);
    EXPECT_EQ(driver->reg(SKALD_REG_ENGINE_STATE), 1u);
}

TEST_F(JobsTest, ImplausibleDoorbellsAreIgnored) {
    boot_with_context();
    start({.id = 0, .log2 = 2});
    driver->ring(0, 5);    // more than the ring holds
    driver->ring(0, ~0u);  // backwards
    EXPECT_EQ(driver->command({SKALD_MBOX_QUEUE_STATUS, 0})[SKALD_QS_TAIL], 0u);
    EXPECT_NE(driver->log_text().find("doorbell"), std::string::npos);
    EXPECT_EQ(driver->completion(0, driver->submit(0, kProgramDone)).status, SKALD_JOB_DONE);
}

TEST_F(JobsTest, ATailThatMovesBackUnderARunningJobIsRefusedAndTheCardGoesOn) {
    boot_with_context();
    start({.id = 0, .vector = 1});
    start({.id = 1, .vector = 2});
    driver->submit(0, kProgramHang);
    wait_until_running(0);
    driver->submit(0, kProgramDone);
    EXPECT_EQ(state_of(0), SKALD_QSTATE_RUNNING);  // and the firmware has seen both
    for (const std::uint32_t tail : {1u, 0u, ~0u, 34u, 0x80000000u}) {
        driver->ring(0, tail);
        EXPECT_EQ(driver->command({SKALD_MBOX_QUEUE_STATUS, 0})[SKALD_QS_TAIL], 2u) << tail;
    }
    // Of the others there are lines later, if at all.
    EXPECT_NE(driver->log_text().find("doorbell 1 refused"), std::string::npos);
    ASSERT_EQ(driver->command({SKALD_MBOX_QUEUE_DESTROY, 0})[0], SKALD_MBOX_OK);
    EXPECT_EQ(driver->completion(0, 1).status, SKALD_JOB_CANCELLED);
    EXPECT_EQ(driver->completion(0, 2).status, SKALD_JOB_CANCELLED);
    const std::uint32_t heartbeat = driver->reg(SKALD_REG_HEARTBEAT);
    EXPECT_EQ(driver->completion(1, driver->submit(1, kProgramDone)).status, SKALD_JOB_DONE);
    EXPECT_TRUE(host.wait([&] { return driver->reg(SKALD_REG_HEARTBEAT) != heartbeat; }));
    EXPECT_EQ(driver->command({SKALD_MBOX_PING})[0], SKALD_MBOX_OK);
    EXPECT_EQ(host.interrupts(1), 2u) << "one for each job there was";
}

TEST_F(JobsTest, ATailThatMovesBackUnderAPreemptedJobIsRefusedToo) {
    boot_with_context();
    start({.id = 0, .priority = SKALD_FW_PRIO_LOW});
    start({.id = 1, .priority = SKALD_FW_PRIO_HIGH, .vector = 2});
    driver->submit(0, kProgramSteps, 50);
    wait_until_running(0);
    driver->submit(1, kProgramHang);
    wait_until_running(1);
    driver->ring(0, 0);
    ASSERT_EQ(driver->command({SKALD_MBOX_QUEUE_DESTROY, 1})[0], SKALD_MBOX_OK);
    EXPECT_EQ(driver->completion(0, 1).status, SKALD_JOB_DONE);
    EXPECT_EQ(driver->completion(0, driver->submit(0, kProgramDone)).status, SKALD_JOB_DONE);
    EXPECT_EQ(host.interrupts(1), 2u);
}

TEST_F(JobsTest, DoorbellsOfNobodyAndOddAccessesAreGuestErrors) {
    boot_with_context();
    start({.id = 0});
    driver->ring(1, 1);
    card->doorbell_write(4, 1);
    card->doorbell_write(0, 1, 2);
    card->doorbell_write(SKALD_MAX_QUEUES * SKALD_DOORBELL_STRIDE, 1);
    EXPECT_EQ(card->doorbell_read(0), 0u);
    EXPECT_EQ(host.guest_errors().size(), 5u);
    EXPECT_EQ(driver->command({SKALD_MBOX_QUEUE_STATUS, 0})[SKALD_QS_TAIL], 0u);
}

TEST_F(JobsTest, ACompletionThatCannotBeWrittenIsReportedAndTheCardLives) {
    boot_with_context();
    start({.id = 0});
    host.refuse_dma(true);
    driver->submit(0, kProgramDone);
    ASSERT_TRUE(host.wait([&] { return !host.guest_errors().empty(); }));
    EXPECT_NE(host.guest_errors()[0].find("completion 1 lost"), std::string::npos);
    host.refuse_dma(false);
    EXPECT_EQ(driver->completion(0, driver->submit(0, kProgramDone)).status, SKALD_JOB_DONE);
    EXPECT_EQ(host.interrupts(1), 1u) << "no interrupt for what is not there";
}

TEST_F(JobsTest, ManyQueuesOfAllPrioritiesAllFinish) {
    boot_with_context();
    constexpr std::uint32_t kQueues = 24;
    for (std::uint32_t id = 0; id < kQueues; ++id) {
        start({.id = id, .priority = id % SKALD_FW_PRIO_COUNT, .vector = 1 + id % 15});
    }
    for (int round = 0; round < 8; ++round) {
        for (std::uint32_t id = 0; id < kQueues; ++id) {
            driver->submit(id, (id + round) % 5 == 0 ? kProgramSteps : kProgramDone, 2);
        }
    }
    for (std::uint32_t id = 0; id < kQueues; ++id) {
        for (std::uint64_t seq = 1; seq <= 8; ++seq) {
            EXPECT_EQ(driver->completion(id, seq).status, SKALD_JOB_DONE);
        }
    }
    EXPECT_EQ(driver->command({SKALD_MBOX_TELEMETRY})[SKALD_TM_JOBS], kQueues * 8);
}

}  // namespace
}  // namespace skald::card::test
