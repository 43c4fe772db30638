// SPDX-License-Identifier: MIT
// Firmware that breaks the rules of core.h: what runs is the card's own knowledge, and no store at
// any moment gets the engine a call that it must not get. The fake engine checks that (see
// CardTest::TearDown); on the real one it is for the sanitizers to see.
#include <initializer_list>
#include <random>
#include <vector>

#include "card_fixture.hpp"
#include "program.hpp"
#include "small_firmware.hpp"

namespace skald::card::test {
namespace {

constexpr std::uint64_t kRoot = 0x100000;
constexpr std::uint32_t kDone = 0x10000;  // above any count of refusals

class FirmwareRulesTest : public CardTest {
  protected:
    // Runs it up to its report of `mark`; the number of stores that were refused.
    std::uint32_t run(const SmallFirmware& firmware, std::uint32_t mark = kDone) {
        EXPECT_EQ(driver->boot(firmware.image()), SKALD_STATE_RUNNING);
        EXPECT_TRUE(host.wait([&] { return driver->reg(SKALD_REG_HEARTBEAT) >= mark; }));
        return driver->reg(SKALD_REG_HEARTBEAT) - mark;
    }
    // One context, queues 0 and 1, a job that runs on queue 0 until it is told to stop.
    static SmallFirmware with_running_job() {
        SmallFirmware firmware;
        firmware.create_context(0, kRoot);
        firmware.create_queue(0, 0, kHostBase);
        firmware.create_queue(1, 0, kHostBase + 4096);
        firmware.launch(0, kProgramHang, 1);
        firmware.wait_for_engine(1);
        return firmware;
    }
};

TEST_F(FirmwareRulesTest, TheRunningQueueStaysWhateverStandsInEngQueue) {
    SmallFirmware firmware = with_running_job();
    firmware.store(SKALD_CORE_QH_ID, 0);
    for (const std::uint32_t other : {1u, 0u, 255u, ~0u}) {
        firmware.store(SKALD_CORE_ENG_QUEUE, other);
        firmware.store(SKALD_CORE_QH_CMD, SKALD_CORE_QH_CLEAR);
    }
    firmware.report(kDone);
    EXPECT_EQ(run(firmware), 4u);
    EXPECT_TRUE(engine->queue(0));
}

TEST_F(FirmwareRulesTest, AnotherQueueMayGoWhateverStandsInEngQueue) {
    SmallFirmware firmware = with_running_job();
    firmware.store(SKALD_CORE_ENG_QUEUE, 1);
    firmware.store(SKALD_CORE_QH_ID, 1);
    firmware.store(SKALD_CORE_QH_CMD, SKALD_CORE_QH_CLEAR);
    firmware.report(kDone);
    EXPECT_EQ(run(firmware), 0u);
    EXPECT_TRUE(engine->queue(0));
    EXPECT_FALSE(engine->queue(1));
}

TEST_F(FirmwareRulesTest, AQueueThatHasEndedMayGoBeforeItsResultIsTaken) {
    SmallFirmware firmware = with_running_job();
    firmware.store(SKALD_CORE_ENG_CMD, SKALD_CORE_ENG_PREEMPT);
    firmware.wait_for_engine(2);
    firmware.store(SKALD_CORE_QH_ID, 0);
    firmware.store(SKALD_CORE_QH_CMD, SKALD_CORE_QH_CLEAR);
    firmware.store(SKALD_CORE_IRQ_CLEAR, SKALD_CORE_IRQ_ENGINE);
    firmware.store(SKALD_CORE_ENG_CMD, SKALD_CORE_ENG_RESUME);  // refused: it is gone
    firmware.report(kDone);
    EXPECT_EQ(run(firmware), 1u);
}

TEST_F(FirmwareRulesTest, NothingStartsWhileAJobRunsOrItsResultWaits) {
    SmallFirmware firmware = with_running_job();
    const auto try_all = [&] {
        for (const std::uint32_t queue : {0u, 1u}) {
            firmware.launch(queue, kProgramDone, 1);
            firmware.store(SKALD_CORE_ENG_CMD, SKALD_CORE_ENG_RESUME);
        }
    };
    firmware.store(SKALD_CORE_IRQ_CLEAR, ~0u);  // acknowledges nothing
    try_all();
    firmware.store(SKALD_CORE_ENG_CMD, SKALD_CORE_ENG_PREEMPT);
    firmware.wait_for_engine(2);
    try_all();
    firmware.report(kDone);
    EXPECT_EQ(run(firmware), 8u);
    EXPECT_EQ(engine->starts(), (std::vector<std::uint32_t>{0}));
}

TEST_F(FirmwareRulesTest, ScratchComesInWholePages) {
    SmallFirmware firmware;
    std::uint32_t id = 0;
    for (const std::uint32_t bytes :
         {24u, 4095u, 4097u, SKALD_SCRATCH_MAX + 4096, 0u, 4096u, SKALD_SCRATCH_MAX}) {
        firmware.store(SKALD_CORE_QH_ID, id++);
        firmware.store64(SKALD_CORE_QH_PAGE_LO, kHostBase);
        firmware.store(SKALD_CORE_QH_SCRATCH, bytes);
        firmware.store(SKALD_CORE_QH_CMD, SKALD_CORE_QH_SET);
    }
    firmware.report(kDone);
    EXPECT_EQ(run(firmware), 4u);
    EXPECT_FALSE(engine->queue(3));
    EXPECT_TRUE(engine->queue(6));
}

TEST_F(FirmwareRulesTest, AnyNumberMayBeAReasonToRefuse) {
    SmallFirmware firmware;
    firmware.store(SKALD_CORE_REFUSE, 1);  // too late, it is READY
    firmware.report(kDone);
    EXPECT_EQ(run(firmware), 1u);
    driver->reset();
    // lui x1, 0x20000; addi x2, x0, -1; sw x2, REFUSE(x1)
    EXPECT_EQ(driver->boot(image_of({0x200000b7, 0xfff00113, 0x0220aa23})),
              SKALD_STATE_BOOT_FAILED);
    EXPECT_EQ(driver->reg(SKALD_REG_BOOT_ERROR), ~0u);
}

constexpr int kStores = 2000;
constexpr int kBetween = 50;  // stores between two jobs that start for sure
constexpr std::uint32_t kSeeds = 12;

// What runs is stopped, and a job starts as it should.
void begin_anew(SmallFirmware& firmware, std::uint32_t queue, std::uint64_t program, bool stop) {
    constexpr std::uint32_t kRunning = 1;
    firmware.store(SKALD_CORE_ENG_CMD, SKALD_CORE_ENG_CANCEL);
    firmware.wait_while_engine(kRunning);
    firmware.store(SKALD_CORE_IRQ_CLEAR, SKALD_CORE_IRQ_ENGINE);
    firmware.create_context(0, kRoot);
    firmware.store(SKALD_CORE_QH_ID, queue);
    firmware.store(SKALD_CORE_QH_CMD, SKALD_CORE_QH_CLEAR);
    firmware.create_queue(queue, 0, kHostBase + queue * 4096);
    firmware.store64(SKALD_CORE_ENG_PROFILE_LO, 0);
    firmware.store64(SKALD_CORE_ENG_TIME_LO, 0);
    firmware.launch(queue, program, 2);
    if (stop) {  // at a micro-op boundary, if it does not end by itself
        firmware.store(SKALD_CORE_ENG_CMD, SKALD_CORE_ENG_PREEMPT);
        firmware.wait_while_engine(kRunning);
    }
}

// Stores to every register that a firmware may write, in any order, with values that mean something
// and values that do not, while jobs run, end, fault and are preempted.
void storm(SmallFirmware& firmware, std::uint32_t seed,
           std::initializer_list<std::uint64_t> programs) {
    struct Choice {
        std::uint32_t offset;
        std::vector<std::uint32_t> values;
    };
    const auto page = static_cast<std::uint32_t>(kHostBase);
    std::vector<std::uint32_t> places = {0x41};
    for (const std::uint64_t program : programs) {
        places.push_back(static_cast<std::uint32_t>(program));
        places.push_back(static_cast<std::uint32_t>(program));
    }
    const Choice choices[] = {
        {SKALD_CORE_ENG_QUEUE, {0, 1, 1, 2, 256, ~0u}},
        {SKALD_CORE_ENG_PROGRAM_LO, places},
        {SKALD_CORE_ENG_OPS, {0, 1, 2, 2, 64, SKALD_PROGRAM_OPS_MAX, SKALD_PROGRAM_OPS_MAX + 1}},
        {SKALD_CORE_ENG_LOOPS_HI, {0, 1, 1}},
        {SKALD_CORE_ENG_ARGS_LO, {kArgs, kArgs, kArgs, 8}},
        {SKALD_CORE_ENG_PROFILE_LO, {0, 0, kData, 64}},
        {SKALD_CORE_ENG_CMD, {1, 1, 1, 2, 3, 4, 5, 0}},
        {SKALD_CORE_ENG_CMD, {1, 2, 3, 4}},
        {SKALD_CORE_ENG_CMD, {1, 2, 3, 4}},
        {SKALD_CORE_QH_ID, {0, 1, 2, 256, ~0u}},
        {SKALD_CORE_QH_CTX, {0, 0, 1, 63, 64}},
        {SKALD_CORE_QH_PAGE_LO, {page, page + 4096, 1}},
        {SKALD_CORE_QH_PAGE_HI, {kHostBase >> 32, kHostBase >> 32, ~0u}},
        {SKALD_CORE_QH_VECTOR, {0, 1, 15, 16}},
        {SKALD_CORE_QH_SCRATCH, {0, 4096, 65536, SKALD_SCRATCH_MAX, 24, ~0u}},
        {SKALD_CORE_QH_CMD, {1, 1, 1, 2, 3}},
        {SKALD_CORE_CTX_ID, {0, 0, 1, 63, 64}},
        {SKALD_CORE_CTX_ROOT_LO, {kRoot, kRoot, 8, kMemoryBytes - 4096, ~0u}},
        {SKALD_CORE_CTX_ROOT_HI, {0, 0, ~0u}},
        {SKALD_CORE_CTX_CMD, {1, 1, 2, 3, 3, 4}},
        {SKALD_CORE_IRQ_CLEAR, {~0u, SKALD_CORE_IRQ_ENGINE}},
        {SKALD_CORE_IRQ_CLEAR, {SKALD_CORE_IRQ_ENGINE}},
        {SKALD_CORE_IRQ_CLEAR, {SKALD_CORE_IRQ_ENGINE}},
        {SKALD_CORE_CPL_QUEUE, {0, 1, 256, ~0u}},
        {SKALD_CORE_CPL_RECORD,
         {SKALD_SRAM_BASE + 0x100, SKALD_SRAM_BASE + SKALD_SRAM_SIZE - 56, 0, 4, ~0u - 7}},
        {SKALD_CORE_CPL_POST, {1, 1, 0}},
        {SKALD_CORE_DB_PENDING0, {~0u, 0}},
        {SKALD_CORE_MBOX_POST, {1}},
        {SKALD_CORE_CLEAR_OFFSET_LO, {0x7f0000, kMemoryBytes - 4096, ~0u, 1}},
        {SKALD_CORE_CLEAR_BYTES, {4096, 8192, SKALD_CORE_CLEAR_MAX + 4096, ~0u}},
        {SKALD_CORE_CLEAR_CMD, {1}},
        {SKALD_CORE_WIN_BASE_LO, {0, kMemoryBytes - 4096, 1}},
        {SKALD_CORE_WIN_BASE_HI, {0, ~0u}},
        {SKALD_CORE_HOST_INTR, {1, 7, ~0u}},
        {SKALD_CORE_MTIMECMP_LO, {0, ~0u}},
    };
    std::mt19937 random(seed);
    for (int n = 0; n < kStores; ++n) {
        if (n % kBetween == 0) {
            const std::uint64_t program = programs.begin()[random() % programs.size()];
            const std::uint32_t queue = random() % 2;
            begin_anew(firmware, queue, program, random() % 4 == 0);
        }
        const Choice& choice = choices[random() % std::size(choices)];
        firmware.store(choice.offset, choice.values[random() % choice.values.size()]);
        if (choice.offset == SKALD_CORE_ENG_CMD && random() % 4 == 0) {
            firmware.spin(200);  // something may come of it
        }
        const std::uint32_t any = random() % (SKALD_CORE_DB_TAIL0 + 16) & ~3u;
        const bool stops = any == SKALD_CORE_REFUSE || any == SKALD_CORE_HALT ||
                           any == SKALD_CORE_TRAP || any == SKALD_CORE_HEARTBEAT;
        if (random() % 32 == 0 && !stops) {
            firmware.store(any, random());
        }
    }
    firmware.report(kDone);
}

TEST_F(FirmwareRulesTest, NoOrderOfStoresGetsTheEngineAForbiddenCall) {
    std::size_t started = 0;
    for (std::uint32_t seed = 1; seed <= kSeeds; ++seed) {
        SmallFirmware firmware;
        storm(firmware, seed, {kProgramDone, kProgramFault, kProgramHang});
        EXPECT_GT(run(firmware), 0u);
        started += engine->starts().size();
        driver->reset();
    }
    EXPECT_GE(started, kSeeds * kStores / kBetween) << "or it was no test";
}

TEST(FirmwareRulesOnTheRealEngine, NoOrderOfStoresHurtsTheHost) {
    TestHost host;
    CardOptions options;
    options.threads = 1;
    Card card(host.memory(), host.ports(), host.hooks(), options);
    TestDriver driver(host, card);
    const Program endless = {ops::alu_imm(isa::AluOp::Add, 1, 1, 1),
                             ops::branch(isa::Condition::Always, 0, 0, 0)};
    const Program short_job = {ops::store(1, kData), ops::end()};
    const std::uint64_t brief = kCode + 0x1000;
    std::memcpy(host.memory().data() + kCode, endless.data(),
                endless.size() * sizeof(isa::MicroOp));
    std::memcpy(host.memory().data() + brief, short_job.data(),
                short_job.size() * sizeof(isa::MicroOp));
    std::uint64_t retired = 0;
    for (std::uint32_t seed = 1; seed <= kSeeds; ++seed) {
        const Mapper mapper(host, kRoot);
        SmallFirmware firmware;
        storm(firmware, seed, {kCode, brief});
        ASSERT_EQ(driver.boot(firmware.image()), SKALD_STATE_RUNNING);
        ASSERT_TRUE(host.wait([&] { return driver.reg(SKALD_REG_HEARTBEAT) >= kDone; }));
        retired += driver.reg(SKALD_REG_RETIRED_LO);
        driver.reset();
        ASSERT_EQ(driver.status(), SKALD_STATE_IDLE);
    }
    EXPECT_GT(retired, 100u) << "or it was no test";
}

}  // namespace
}  // namespace skald::card::test
