// SPDX-License-Identifier: MIT
// Faults on purpose: what a driver sees of each class, and that the card is as good as new after a
// reset. Real firmware, real engine.
#include "moving_card.hpp"

namespace skald::card::test {
namespace {

class Faults : public MovingCard {
  protected:
    void SetUp() override {
        boot();
        start(0);
    }
    void start(std::uint32_t queue, std::uint32_t priority = SKALD_FW_PRIO_NORMAL) {
        ASSERT_EQ(driver->create_queue({.id = queue, .priority = priority, .vector = 1 + queue}),
                  SKALD_MBOX_OK);
    }
    void arm(const char* plan) { card->set_faults(parse_fault_plan(plan)); }
    [[nodiscard]] std::string tally() const { return to_text(card->fault_tally()); }

    static Program short_job() { return counting(1, kData); }
    skald_completion run(std::uint32_t queue, const Program& program) {
        return driver->completion(queue, submit(queue, program));
    }
    Words kill_context() { return driver->command({SKALD_MBOX_CTX_KILL, 0, SKALD_FAULT_WATCHDOG}); }
    // The driver's last resort; afterwards a job is as right as any.
    void expect_good_as_new_after_a_reset() {
        arm("");
        driver->reset();
        seq.fill(0);
        boot();
        start(0);
        set_card_word(host, kData, 0);
        EXPECT_EQ(run(0, counting(1000, kData)).status, SKALD_JOB_DONE);
        EXPECT_EQ(card_word(host, kData), 1000u);
    }
    // Nothing that was submitted before is on its way any more.
    void settle() { driver->command({SKALD_MBOX_PING}); }
};

TEST_F(Faults, OffIsOff) {
    EXPECT_EQ(run(0, counting(1000, kData)).status, SKALD_JOB_DONE);
    EXPECT_EQ(tally(), "");
    EXPECT_EQ(driver->reg(SKALD_REG_ECC_CORRECTED), 0u);
}

TEST_F(Faults, AnEngineThatHangsMakesNoProgressUntilItIsCancelled) {
    arm("engine-hang:after=5");
    const std::uint64_t hung = submit(0, counting(1000, kData));
    ASSERT_TRUE(host.wait([&] { return tally() == "engine-hang:chances=5:hits=1"; }));
    const std::uint32_t progress = driver->reg(SKALD_REG_PROGRESS_LO);
    EXPECT_EQ(driver->command({SKALD_MBOX_PING})[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK)
        << "the firmware lives";
    EXPECT_EQ(driver->reg(SKALD_REG_PROGRESS_LO), progress);
    EXPECT_FALSE(driver->poll(0, hung));
    EXPECT_EQ(kill_context()[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
    const auto record = driver->completion(0, hung);
    EXPECT_EQ(record.status, SKALD_JOB_CANCELLED);
    EXPECT_EQ(record.micro_ops, 4u);
    expect_good_as_new_after_a_reset();
}

TEST_F(Faults, AnEngineThatHangsGivesWayToNobodyAndAnswersNoInvalidation) {
    start(1, SKALD_FW_PRIO_HIGH);
    arm("engine-hang");
    const std::uint64_t hung = submit(0, short_job());
    ASSERT_TRUE(host.wait([&] { return tally() == "engine-hang:chances=1:hits=1"; }));
    const std::uint64_t urgent = submit(1, short_job());
    driver->post({SKALD_MBOX_CTX_INVALIDATE, 0});
    EXPECT_FALSE(driver->answered());
    EXPECT_FALSE(driver->poll(1, urgent));
    driver->reset();
    EXPECT_FALSE(driver->poll(0, hung));
    expect_good_as_new_after_a_reset();
}

TEST_F(Faults, AnEngineThatHangsStandsStillWithItsMachineAndHangsOn) {
    arm("engine-hang:after=3");
    const std::uint64_t hung = submit(0, counting(1000, kData));
    ASSERT_TRUE(host.wait([&] { return tally() == "engine-hang:chances=3:hits=1"; }));
    stop();
    card->end_pause();
    settle();
    EXPECT_FALSE(driver->poll(0, hung));
    EXPECT_EQ(kill_context()[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
    EXPECT_EQ(driver->completion(0, hung).status, SKALD_JOB_CANCELLED);
}

TEST_F(Faults, APlanAndAHangAreNotSaved) {
    set_card_word(host, kData, 0);
    arm("engine-hang:after=3");
    const std::uint64_t hung = submit(0, counting(1000, kData));
    ASSERT_TRUE(host.wait([&] { return tally() == "engine-hang:chances=3:hits=1"; }));
    hop();
    EXPECT_EQ(driver->completion(0, hung).status, SKALD_JOB_DONE);
    EXPECT_EQ(card_word(host, kData), 1000u) << "every micro-op once";
    EXPECT_EQ(tally(), "");
}

TEST_F(Faults, AControlCoreThatHangsAnswersNothingUntilAReset) {
    arm("core-hang:after=2");
    EXPECT_EQ(driver->command({SKALD_MBOX_PING})[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
    const std::uint32_t heartbeat = driver->reg(SKALD_REG_HEARTBEAT);
    driver->post({SKALD_MBOX_PING});
    EXPECT_EQ(tally(), "core-hang:chances=2:hits=1");
    const std::uint64_t job = submit(0, short_job());
    for (int look = 0; look < 1000; ++look) {
        ASSERT_FALSE(driver->answered());
        ASSERT_FALSE(driver->poll(0, job));
    }
    EXPECT_EQ(driver->reg(SKALD_REG_HEARTBEAT), heartbeat);
    EXPECT_EQ(driver->status(), SKALD_STATE_RUNNING) << "it does not know";
    expect_good_as_new_after_a_reset();
}

TEST_F(Faults, AControlCoreThatHangsStandsStillWithItsMachine) {
    arm("core-hang");
    driver->post({SKALD_MBOX_PING});
    stop();
    card->end_pause();
    EXPECT_FALSE(driver->answered());
    expect_good_as_new_after_a_reset();
}

TEST_F(Faults, AFirmwareThatCrashesLeavesADeadCardWithItsTrap) {
    arm("core-crash");
    const std::uint64_t job = submit(0, short_job());
    ASSERT_TRUE(host.wait([&] { return driver->status() == SKALD_STATE_DEAD; }));
    EXPECT_EQ(driver->reg(SKALD_REG_BOOT_ERROR), SKALD_BOOT_TRAP);
    EXPECT_EQ(driver->reg(SKALD_REG_TRAP_CAUSE), 2u) << "illegal instruction";
    EXPECT_GE(driver->reg(SKALD_REG_TRAP_PC), SKALD_SRAM_BASE);
    EXPECT_FALSE(driver->poll(0, job));
    expect_good_as_new_after_a_reset();
}

TEST_F(Faults, CorrectedErrorsAreCountedAndHurtNobody) {
    set_card_word(host, kData, 0);
    arm("ecc-corrected:every=10");
    EXPECT_EQ(run(0, counting(100, kData)).status, SKALD_JOB_DONE);
    EXPECT_EQ(card_word(host, kData), 100u);
    EXPECT_EQ(driver->reg(SKALD_REG_ECC_CORRECTED), 20u);
    EXPECT_EQ(tally(), "ecc-corrected:chances=202:hits=20") << "one chance for each micro-op";
    hop();
    EXPECT_EQ(driver->reg(SKALD_REG_ECC_CORRECTED), 20u) << "the count is saved";
    driver->reset();
    EXPECT_EQ(driver->reg(SKALD_REG_ECC_CORRECTED), 0u);
}

TEST_F(Faults, AnErrorBeyondCorrectionFaultsTheJobWithTheAddressItReads) {
    arm("ecc-fatal:after=2");
    const auto record = run(0, {ops::alu_imm(isa::AluOp::Mov, 1, 0, 1), ops::load(2, kData + 64),
                                ops::store(2, kData + 128), ops::end()});
    EXPECT_EQ(record.status, SKALD_JOB_FAULT);
    EXPECT_EQ(record.reason, SKALD_FAULT_MEMORY_ERROR);
    EXPECT_EQ(record.op_index, 1u);
    EXPECT_EQ(record.address, kData + 64);
    EXPECT_EQ(driver->command({SKALD_MBOX_CTX_FAULT, 0})[SKALD_CF_REASON],
              SKALD_FAULT_MEMORY_ERROR);
    EXPECT_EQ(run(0, short_job()).status, SKALD_JOB_BANNED);

    Mapper other(host, 0x101000);
    ASSERT_EQ(driver->create_context(1), SKALD_MBOX_OK);
    ASSERT_EQ(driver->create_queue({.id = 1, .context = 1}), SKALD_MBOX_OK);
    EXPECT_EQ(run(1, short_job()).status, SKALD_JOB_DONE) << "other contexts are untouched";
}

TEST_F(Faults, AnErrorInTheProgramItselfHasTheMicroOpsAddress) {
    arm("ecc-fatal:after=1");
    const auto record = run(0, short_job());
    EXPECT_EQ(record.reason, SKALD_FAULT_MEMORY_ERROR);
    EXPECT_EQ(record.address, kCode + seq[0] % 16 * 0x1000 - 0x1000);
}

TEST_F(Faults, ALostInterruptIsNotSentThoughTheCompletionIsThere) {
    const std::uint64_t before = host.interrupts(1);
    arm("irq-lost");
    EXPECT_EQ(run(0, short_job()).status, SKALD_JOB_DONE);
    ASSERT_TRUE(host.wait([&] { return tally() == "irq-lost:chances=1:hits=1"; }));
    settle();
    EXPECT_EQ(host.interrupts(1), before);
    EXPECT_EQ(run(0, short_job()).status, SKALD_JOB_DONE);
    EXPECT_TRUE(host.wait([&] { return host.interrupts(1) == before + 1; }));
}

TEST_F(Faults, ADoubledInterruptIsSentTwice) {
    const std::uint64_t before = host.interrupts(1);
    arm("irq-doubled");
    EXPECT_EQ(run(0, short_job()).status, SKALD_JOB_DONE);
    EXPECT_TRUE(host.wait([&] { return host.interrupts(1) == before + 2; }));
    EXPECT_EQ(tally(), "irq-doubled:chances=1:hits=1");
}

TEST_F(Faults, ADmaErrorFaultsTheJobThatMetIt) {
    arm("dma-error");
    const auto record = run(
        0, {ops::alu_imm(isa::AluOp::Mov, 1, 0, 1), ops::copy(1, 64, kHostVa, kData), ops::end()});
    EXPECT_EQ(record.status, SKALD_JOB_FAULT);
    EXPECT_EQ(record.reason, SKALD_FAULT_HOST_ACCESS);
    EXPECT_EQ(record.address, kHostVa);
}

TEST_F(Faults, ADmaErrorAtACompletionLosesItAndNoOther) {
    arm("dma-error");
    const std::uint64_t lost = submit(0, short_job());
    EXPECT_EQ(run(0, short_job()).status, SKALD_JOB_DONE);
    EXPECT_FALSE(driver->poll(0, lost));
    EXPECT_EQ(host.guest_errors().size(), 1u);
}

TEST_F(Faults, ADoorbellThatSticksIsNotHeardAndTheNextOneIs) {
    arm("doorbell-stuck");
    const std::uint64_t unheard = submit(0, short_job());
    settle();
    EXPECT_EQ(tally(), "doorbell-stuck:chances=1:hits=1");
    EXPECT_FALSE(driver->poll(0, unheard));
    EXPECT_EQ(run(0, short_job()).status, SKALD_JOB_DONE);
    EXPECT_TRUE(driver->poll(0, unheard)) << "the next tail says it, too";
}

TEST_F(Faults, SlowMemoryChangesNoResult) {
    set_card_word(host, kData, 0);
    arm("memory-slow:every=2:factor=1000");
    const auto record = run(0, counting(200, kData));
    EXPECT_EQ(record.status, SKALD_JOB_DONE);
    EXPECT_EQ(record.micro_ops, 402u);
    EXPECT_EQ(card_word(host, kData), 200u);
    EXPECT_EQ(tally(), "memory-slow:chances=402:hits=201");
}

TEST_F(Faults, ASlowJobCanBeCancelled) {
    arm("memory-slow:every=1:factor=1000");
    const std::uint64_t slow = submit(0, counting(1ull << 40, kData));
    wait_until_running(0);
    EXPECT_EQ(kill_context()[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
    EXPECT_EQ(driver->completion(0, slow).status, SKALD_JOB_CANCELLED);
}

TEST_F(Faults, ARemovedCardReadsAllOnesAndTakesNothing) {
    const std::uint64_t job = submit(0, waiting(kData + 8));
    wait_until_running(0);
    arm("removal");
    EXPECT_EQ(driver->status(), ~0u);
    EXPECT_EQ(tally(), "removal:chances=1:hits=1");
    EXPECT_EQ(driver->reg(SKALD_REG_ID), ~0u);
    EXPECT_EQ(card->reg_read(SKALD_SHARED_OFFSET, 1), 0xffu);
    EXPECT_EQ(card->reg_read(SKALD_SHARED_OFFSET, 2), 0xffffu);
    EXPECT_EQ(card->doorbell_read(0), ~0u);
    const std::uint64_t before = host.interrupts(0) + host.interrupts(1);
    card->reg_write(SKALD_REG_CTRL, SKALD_CTRL_BOOT);
    card->doorbell_write(0, 1);
    ASSERT_TRUE(host.wait([&] { return !card->reset_pending(); }));
    set_card_word(host, kData + 8, 1);
    EXPECT_FALSE(driver->poll(0, job)) << "its job went with it";
    EXPECT_EQ(host.interrupts(0) + host.interrupts(1), before);
    card->begin_reset();
    ASSERT_TRUE(host.wait([&] { return !card->reset_pending(); }));
    EXPECT_EQ(driver->status(), ~0u) << "no reset reaches it";
}

TEST_F(Faults, ARemovedCardIsBackWithTheNextPlan) {
    arm("removal");
    EXPECT_EQ(driver->status(), ~0u);
    arm("");
    ASSERT_TRUE(host.wait([&] { return driver->status() == SKALD_STATE_IDLE; }));
    expect_good_as_new_after_a_reset();
}

TEST_F(Faults, ARemovedCardIsNotSaved) {
    arm("removal");
    EXPECT_EQ(driver->status(), ~0u);
    card->begin_pause();
    ASSERT_TRUE(host.wait([&] { return card->paused(); }));
    EXPECT_THROW((void)card->save(), snapshot::Error);
}

TEST_F(Faults, TheSamePlanHitsTheSameMicroOpsAgain) {
    std::string first;
    for (int life = 0; life < 2; ++life) {
        arm("seed=9;ecc-corrected:p=0.05");
        run(0, counting(1000, kData));
        if (life == 0)
            first = tally();
    }
    EXPECT_EQ(tally(), first);
    EXPECT_NE(first.find("chances=2002"), std::string::npos) << first;
}

TEST(FaultOptions, APlanCountsFromTheFirstAccessOn) {
    TestHost host;
    CardOptions options;
    options.threads = 1;
    options.faults = parse_fault_plan("removal:after=3");
    Card card(host.memory(), host.ports(), host.hooks(), options);
    EXPECT_EQ(card.reg_read(SKALD_REG_ID), SKALD_DEVICE_ID_VALUE);
    EXPECT_EQ(card.reg_read(SKALD_REG_ID), SKALD_DEVICE_ID_VALUE);
    EXPECT_EQ(card.reg_read(SKALD_REG_ID), ~0u);
}

}  // namespace
}  // namespace skald::card::test
