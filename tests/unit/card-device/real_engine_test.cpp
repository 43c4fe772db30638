// SPDX-License-Identifier: MIT
// The whole card: real firmware, real engine, programs in card memory behind page tables. The
// arithmetic has tests of its own; here it is about what engine, device and firmware do together.
#include <gtest/gtest.h>

#include <memory>

#include "program.hpp"
#include "test_driver.hpp"

namespace skald::card::test {
namespace {

using isa::AluOp;
using isa::Condition;
using isa::EndStatus;

class RealEngineTest : public testing::Test {
  protected:
    void SetUp() override {
        CardOptions options;
        options.threads = 2;
        card = std::make_unique<Card>(host.memory(), host.ports(), host.hooks(), options);
        driver = std::make_unique<TestDriver>(host, *card);
        life();
    }
    // Boots and makes context 0.
    void life() {
        ASSERT_EQ(driver->boot(), SKALD_STATE_RUNNING) << driver->log_text();
        ASSERT_EQ(driver->create_context(0), SKALD_MBOX_OK);
        mapper = std::make_unique<Mapper>(host);
    }
    void start(const QueueConfig& config) {
        ASSERT_EQ(driver->create_queue(config), SKALD_MBOX_OK);
    }

    std::uint64_t submit(std::uint32_t queue, const Program& program, std::uint64_t time_budget = 0,
                         std::uint64_t loop_budget = 0) {
        // Not where a job before it may still run.
        const std::uint64_t at = kCode + queue * 0x10000ull + seq[queue] % 16 * 0x1000ull;
        std::memcpy(host.memory().data() + at, program.data(),
                    program.size() * sizeof(isa::MicroOp));
        skald_ring_entry entry{};
        entry.seq = ++seq[queue];
        entry.program_va = at;
        entry.args_va = args(queue);
        entry.program_ops = static_cast<std::uint32_t>(program.size());
        entry.time_budget = time_budget;
        entry.loop_budget = loop_budget;
        return driver->submit(queue, entry);
    }
    static std::uint64_t args(std::uint32_t queue) { return kArgs + queue * 4096ull; }

    void wait_until_running(std::uint32_t queue) {
        ASSERT_TRUE(host.wait([&] {
            return driver->reg(SKALD_REG_ENGINE_STATE) == 1 &&
                   driver->reg(SKALD_REG_ENGINE_QUEUE) == queue;
        }));
    }
    // Counts R1 down from n, then stores what R2 counted up to.
    static Program counting(std::uint64_t n, std::uint64_t result) {
        isa::MicroOp loop = ops::base(isa::Opcode::Loop);
        loop.rd = 1;
        loop.dim[0] = 1;
        return {ops::alu_imm(AluOp::Mov, 1, 0, n), ops::alu_imm(AluOp::Add, 2, 2, 1), loop,
                ops::store(2, result), ops::end()};
    }
    static Program hanging() { return {ops::sem_wait(kData, 1), ops::end()}; }

    TestHost host;
    std::array<std::uint64_t, 8> seq{};
    std::unique_ptr<Card> card;
    std::unique_ptr<TestDriver> driver;
    std::unique_ptr<Mapper> mapper;
};

TEST_F(RealEngineTest, AProgramStoresItsResultAndItsCounters) {
    start({.id = 0});
    const auto record = driver->completion(
        0, submit(0, {ops::alu_imm(AluOp::Mov, 1, 0, 42), ops::store(1, kData), ops::end()}));
    EXPECT_EQ(record.status, SKALD_JOB_DONE) << record.reason << " at " << record.op_index;
    EXPECT_EQ(record.micro_ops, 3u);
    EXPECT_EQ(record.cycles, 0u) << "control micro-ops before any work are a boundary's";
    EXPECT_EQ(card_word(host, kData), 42u);
    EXPECT_EQ(driver->reg(SKALD_REG_RETIRED_LO), 3u);
}

TEST_F(RealEngineTest, StampsSayWhenAJobPassedWhichPlace) {
    start({.id = 3});
    std::uint64_t last = 0;
    // More jobs than there are slots.
    for (std::uint64_t n = 1; n <= SKALD_COMPLETION_SLOTS + 3; ++n) {
        driver->completion(3, submit(3, counting(100, kData)));
        const skald_stamps stamps = driver->stamps(3, n);
        EXPECT_GT(stamps.doorbell, last);
        EXPECT_GE(stamps.launched, stamps.doorbell);
        EXPECT_GE(stamps.began, stamps.launched);
        EXPECT_GT(stamps.ended, stamps.began);
        EXPECT_GE(stamps.written, stamps.ended);
        last = stamps.written;
    }
}

TEST_F(RealEngineTest, APreemptedJobKeepsItsFirstBegin) {
    start({.id = 0, .priority = SKALD_FW_PRIO_LOW});
    start({.id = 1, .priority = SKALD_FW_PRIO_HIGH});
    const std::uint64_t slow = submit(0, counting(3'000'000, kData));
    wait_until_running(0);
    driver->completion(1, submit(1, counting(1, kData + 8)));
    driver->completion(0, slow);
    const skald_stamps low = driver->stamps(0, 1), high = driver->stamps(1, 1);
    EXPECT_LT(low.began, high.began);
    EXPECT_GE(low.ended, high.ended);
    EXPECT_GE(high.began, high.doorbell);
}

TEST_F(RealEngineTest, TheModelledChipIsToldByNameAndItsCountersAreOfOneMoment) {
    const auto counter = [&](std::uint32_t low) {
        return driver->reg(low) | std::uint64_t{driver->reg(low + 4)} << 32;
    };
    EXPECT_NE(driver->reg(SKALD_REG_CAPS) & SKALD_CAP_MODEL, 0u);
    EXPECT_EQ(driver->reg(SKALD_REG_MODEL_NAME0), 's' | 'k' << 8 | '1' << 16u);
    EXPECT_EQ(driver->reg(SKALD_REG_MODEL_FLAGS), SKALD_MODEL_ENERGY);
    start({.id = 0});
    isa::MicroOp add = ops::base(isa::Opcode::Add);
    add.rows = 1;
    add.dim[0] = 64;
    for (std::size_t i = 0; i < 3; ++i)
        add.op[i].offset = kData + i * 256;
    const auto record =
        driver->completion(0, submit(0, {ops::alu_imm(AluOp::Mov, 1, 0, 1), add, ops::end()}));
    ASSERT_EQ(record.status, SKALD_JOB_DONE) << record.reason << " at " << record.op_index;
    EXPECT_EQ(counter(SKALD_REG_MODEL_JOBS_LO), 0u) << "nobody has asked for a sample";
    card->reg_write(SKALD_REG_MODEL_SAMPLE, 0);
    EXPECT_EQ(counter(SKALD_REG_MODEL_JOBS_LO), 1u);
    EXPECT_EQ(counter(SKALD_REG_MODEL_TIME_LO), record.cycles);
    EXPECT_EQ(counter(SKALD_REG_MODEL_BYTES_LO), record.bytes);
    EXPECT_EQ(counter(SKALD_REG_MODEL_ENERGY_LO), record.energy_pj);
    EXPECT_GT(counter(SKALD_REG_MODEL_VECTOR_LO), 0u);
    EXPECT_LE(counter(SKALD_REG_MODEL_VECTOR_LO), record.cycles);
    EXPECT_EQ(counter(SKALD_REG_MODEL_MATRIX_LO), 0u);
    EXPECT_GT(counter(SKALD_REG_MODEL_APART_NS_LO), 0u) << "a job takes more than its micro-ops";
}

TEST_F(RealEngineTest, APreemptionIsCountedApartFromTheModelledTimeOfTheJob) {
    start({.id = 0, .priority = SKALD_FW_PRIO_LOW});
    start({.id = 1, .priority = SKALD_FW_PRIO_HIGH});
    const std::uint64_t slow = submit(0, counting(3'000'000, kData));
    wait_until_running(0);
    driver->completion(1, submit(1, counting(1, kData + 8)));
    EXPECT_EQ(driver->completion(0, slow).cycles, 0u);
    card->reg_write(SKALD_REG_MODEL_SAMPLE, 0);
    EXPECT_GE(driver->reg(SKALD_REG_MODEL_PREEMPTIONS_LO), 1u);
    EXPECT_EQ(driver->reg(SKALD_REG_MODEL_JOBS_LO), 2u);
}

TEST_F(RealEngineTest, AJobThatDidNotRunHasNoStampsOfTheEngine) {
    start({.id = 0});
    submit(0, hanging());
    wait_until_running(0);
    const std::uint64_t behind = submit(0, counting(1, kData));
    EXPECT_EQ(driver->command({SKALD_MBOX_CTX_KILL, 0, 0})[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
    // BANNED where the firmware saw its doorbell after the kill.
    const std::uint32_t status = driver->completion(0, behind).status;
    EXPECT_TRUE(status == SKALD_JOB_CANCELLED || status == SKALD_JOB_BANNED) << status;
    const skald_stamps ran = driver->stamps(0, 1), waited = driver->stamps(0, 2);
    EXPECT_GT(ran.began, 0u);
    EXPECT_GE(ran.ended, ran.began);
    EXPECT_GT(waited.doorbell, 0u);
    EXPECT_EQ(waited.launched, 0u);
    EXPECT_EQ(waited.began, 0u);
    EXPECT_EQ(waited.ended, 0u);
    EXPECT_GE(waited.written, ran.ended);
}

TEST_F(RealEngineTest, ArgumentsArriveAndLeave) {
    start({.id = 0});
    set_card_word(host, args(0) + 5 * 8, 1000);
    const auto record = driver->completion(
        0, submit(0, {ops::alu_imm(AluOp::Add, 6, 5, 7), ops::end(EndStatus::Continue, 1 << 6)}));
    EXPECT_EQ(record.status, SKALD_JOB_CONTINUE);
    EXPECT_EQ(card_word(host, args(0) + 6 * 8), 1007u);
}

TEST_F(RealEngineTest, CopyMovesBetweenHostAndCard) {
    start({.id = 0});
    for (std::uint64_t n = 0; n < 1024; ++n) {
        set_card_word(host, kData + n * 8, n * n);
    }
    const auto record = driver->completion(
        0, submit(0, {ops::alu_imm(AluOp::Mov, 1, 0, 1), ops::copy(1, 8192, kHostVa + 2048, kData),
                      ops::copy(1, 8192, kData + 16384, kHostVa + 2048), ops::end()}));
    EXPECT_EQ(record.status, SKALD_JOB_DONE) << record.reason;
    for (std::uint64_t n = 0; n < 1024; ++n) {
        ASSERT_EQ(host.host_word(kHostData + 2048 + n * 8), n * n);
        ASSERT_EQ(card_word(host, kData + 16384 + n * 8), n * n);
    }
}

TEST_F(RealEngineTest, RefusedDmaFaultsTheJobWithItsAddress) {
    start({.id = 0});
    mapper->map_small(kData);
    // Host memory that is not there: a DMA address outside the test host's pages, mapped by hand.
    set_card_word(
        host, kTables + 2 * 4096 + 15 * 8,
        0xdead000ull | SKALD_PTE_VALID | SKALD_PTE_WRITE | SKALD_PTE_LEAF | SKALD_PTE_HOST);
    const auto record = driver->completion(
        0, submit(0, {ops::alu_imm(AluOp::Mov, 1, 0, 1),
                      ops::copy(1, 64, kHostVa + 15 * 4096, kData), ops::end()}));
    EXPECT_EQ(record.status, SKALD_JOB_FAULT);
    EXPECT_EQ(record.reason, SKALD_FAULT_HOST_ACCESS);
    EXPECT_EQ(record.op_index, 1u);
    EXPECT_EQ(record.address, kHostVa + 15 * 4096);
}

TEST_F(RealEngineTest, AnUnmappedAddressFaultsAndOnlyItsContextIsBanned) {
    start({.id = 0});
    const auto record = driver->completion(0, submit(0, {ops::load(1, 0x5'0000'0008), ops::end()}));
    EXPECT_EQ(record.status, SKALD_JOB_FAULT);
    EXPECT_EQ(record.reason, SKALD_FAULT_UNMAPPED);
    EXPECT_EQ(record.op_index, 0u);
    EXPECT_EQ(record.address, 0x5'0000'0008u);
    EXPECT_EQ(driver->completion(0, submit(0, {ops::end()})).status, SKALD_JOB_BANNED);

    const std::uint32_t root = 0x101000;  // create_context(1)
    Mapper other(host, root);
    ASSERT_EQ(driver->create_context(1), SKALD_MBOX_OK);
    start({.id = 1, .context = 1});
    EXPECT_EQ(driver->completion(1, submit(1, {ops::end()})).status, SKALD_JOB_DONE);
}

TEST_F(RealEngineTest, ASemaphoreInHostMemoryLetsTheJobGoOn) {
    start({.id = 0});
    const std::uint64_t seq0 =
        submit(0, {ops::sem_wait(kHostVa, 7), ops::sem_set(kHostVa + 8, 9), ops::end()});
    wait_until_running(0);
    ASSERT_TRUE(host.store64(DmaAddr(kHostData), 7));
    EXPECT_EQ(driver->completion(0, seq0).status, SKALD_JOB_DONE);
    EXPECT_EQ(host.host_word(kHostData + 8), 9u);
}

TEST_F(RealEngineTest, APreemptedWaitGoesOnLater) {
    start({.id = 0, .priority = SKALD_FW_PRIO_LOW});
    start({.id = 1, .priority = SKALD_FW_PRIO_HIGH});
    const std::uint64_t low =
        submit(0, {ops::alu_imm(AluOp::Mov, 9, 0, 77), ops::sem_wait(kData, 1),
                   ops::store(9, kData + 8), ops::end()});
    wait_until_running(0);
    EXPECT_EQ(driver->completion(1, submit(1, {ops::sem_set(kData, 1), ops::end()})).status,
              SKALD_JOB_DONE);
    EXPECT_EQ(driver->completion(0, low).status, SKALD_JOB_DONE);
    EXPECT_EQ(card_word(host, kData + 8), 77u) << "registers survive preemption";
}

TEST_F(RealEngineTest, EqualsShareTheEngineAndCountExactly) {
    constexpr std::uint64_t kTurns = 300000;
    start({.id = 0});
    start({.id = 1});
    const std::uint64_t a = submit(0, counting(kTurns, kData));
    const std::uint64_t b = submit(1, counting(kTurns, kData + 8));
    const auto first = driver->completion(0, a);
    const auto second = driver->completion(1, b);
    for (const auto& record : {first, second}) {
        EXPECT_EQ(record.status, SKALD_JOB_DONE) << record.reason;
        EXPECT_EQ(record.micro_ops, 3 + 2 * kTurns);
    }
    EXPECT_EQ(first.cycles, second.cycles);
    EXPECT_EQ(card_word(host, kData), kTurns);
    EXPECT_EQ(card_word(host, kData + 8), kTurns);
    EXPECT_EQ(driver->reg(SKALD_REG_RETIRED_LO), first.micro_ops + second.micro_ops);
}

TEST_F(RealEngineTest, TheLoopBudgetEndsAnEndlessLoop) {
    start({.id = 0});
    const auto record = driver->completion(
        0, submit(0, {ops::branch(Condition::Always, 0, 0, 0), ops::end()}, 0, 1000));
    EXPECT_EQ(record.status, SKALD_JOB_FAULT);
    EXPECT_EQ(record.reason, SKALD_FAULT_LOOP_BUDGET);
}

TEST_F(RealEngineTest, TheTimeBudgetLeadsToTheEnd) {
    start({.id = 0});
    const auto record = driver->completion(
        0, submit(0,
                  {ops::alu_imm(AluOp::Add, 1, 1, 1), ops::budget(3),
                   ops::branch(Condition::Always, 0, 0, 0), ops::end(EndStatus::Continue, 1 << 1)},
                  5'000'000));
    EXPECT_EQ(record.status, SKALD_JOB_CONTINUE) << record.reason;
    EXPECT_GT(card_word(host, args(0) + 8), 1u);
}

TEST_F(RealEngineTest, AKilledContextStopsAHangingJob) {
    start({.id = 0});
    const std::uint64_t hung = submit(0, hanging());
    wait_until_running(0);
    const std::uint32_t progress = driver->reg(SKALD_REG_PROGRESS_LO);
    EXPECT_EQ(driver->reg(SKALD_REG_PROGRESS_LO), progress) << "a wait makes no progress";
    EXPECT_EQ(driver->command({SKALD_MBOX_CTX_KILL, 0, SKALD_FAULT_WATCHDOG})[0], SKALD_MBOX_OK);
    EXPECT_EQ(driver->completion(0, hung).status, SKALD_JOB_CANCELLED);
    EXPECT_EQ(driver->command({SKALD_MBOX_CTX_FAULT, 0})[SKALD_CF_REASON], SKALD_FAULT_WATCHDOG);
}

TEST_F(RealEngineTest, InvalidateMakesARunningJobSeeTheNewPage) {
    start({.id = 0});
    mapper->map_small(kData);
    set_card_word(host, kData, 0);
    set_card_word(host, kData + 4096, 1);
    const std::uint64_t spin =
        submit(0, {ops::load(1, kSmallVa), ops::branch(Condition::Equal, 1, 0, 0), ops::end()});
    wait_until_running(0);
    mapper->map_small(kData + 4096);
    ASSERT_EQ(driver->command({SKALD_MBOX_CTX_INVALIDATE, 0})[0], SKALD_MBOX_OK);
    EXPECT_EQ(driver->completion(0, spin).status, SKALD_JOB_DONE);
}

TEST_F(RealEngineTest, TokensAdvanceTheProgressCounterAndRaiseTheVector) {
    start({.id = 0, .vector = 6});
    const std::uint64_t tokens = kData, sequences = kData + 0x1000, rows = kData + 0x2000;
    set_card_word(host, tokens, 1234);
    isa::Sequence sequence{};
    sequence.remaining = 100;
    std::memcpy(host.memory().data() + sequences, &sequence, sizeof(sequence));
    isa::MicroOp out = ops::base(isa::Opcode::TokenOut);
    out.rows = 1;
    out.rd = 2;
    out.ra = 3;
    out.rb = 4;
    out.op[0].offset = tokens;
    out.op[1].offset = sequences;
    out.op[2].offset = kHostVa;
    out.op[3].offset = rows;
    isa::MicroOp loop = ops::base(isa::Opcode::Loop);
    loop.rd = 5;
    loop.dim[0] = 3;
    const auto record = driver->completion(
        0, submit(0, {ops::alu_imm(AluOp::Mov, 1, 0, 1), ops::alu_imm(AluOp::Mov, 4, 0, 15),
                      ops::alu_imm(AluOp::Mov, 5, 0, 20), out, loop, ops::end()}));
    EXPECT_EQ(record.status, SKALD_JOB_DONE) << record.reason << " at op " << record.op_index;
    EXPECT_EQ(host.host_word(TestDriver::page_of(0)), 20u);
    skald_token token{};
    host.copy_from_host(kHostData + 3 * sizeof(token), &token, sizeof(token));  // entry 19 of 16
    EXPECT_EQ(token.token, 1234u);
    EXPECT_GE(host.interrupts(6), 2u) << "the first token and the completion at least";
    EXPECT_LE(host.interrupts(6), 21u);
}

TEST_F(RealEngineTest, ResetInTheMiddleOfJobsAgainAndAgain) {
    for (int round = 0; round < 12; ++round) {
        start({.id = 0});
        start({.id = 1});
        submit(0, round % 2 ? hanging() : counting(1ull << 30, kData));
        submit(1, counting(1ull << 30, kData + 8));
        wait_until_running(0);
        driver->reset();
        ASSERT_EQ(driver->status(), SKALD_STATE_IDLE);
        EXPECT_EQ(driver->reg(SKALD_REG_RETIRED_LO), 0u);
        seq.fill(0);
        life();
    }
    start({.id = 0});
    EXPECT_EQ(driver->completion(0, submit(0, {ops::end()})).status, SKALD_JOB_DONE);
}

TEST_F(RealEngineTest, DestroyingTheCardStopsAHangingJob) {
    start({.id = 0});
    submit(0, hanging());
    wait_until_running(0);
    driver.reset();
    card.reset();
    EXPECT_EQ(host.live_threads(), 0);
}

}  // namespace
}  // namespace skald::card::test
