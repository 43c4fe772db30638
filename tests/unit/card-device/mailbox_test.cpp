// SPDX-License-Identifier: MIT
// Mailbox transport and every command's checks, through the real firmware.
#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "card_fixture.hpp"
#include "skald/page_table.h"

namespace skald::card::test {
namespace {

constexpr std::uint32_t kTag = SKALD_MBOX_W_TAG, kStatus = SKALD_MBOX_W_STATUS, kBadWord = 2;

class MailboxTest : public CardTest {
  protected:
    // Arguments of a QUEUE_CREATE that works, by word index.
    Words queue_words(std::uint32_t id) {
        Words w{};
        w[0] = SKALD_MBOX_QUEUE_CREATE;
        w[SKALD_QC_QUEUE] = id;
        w[SKALD_QC_RING_LO] = 0x400000;
        w[SKALD_QC_RING_LOG2] = 3;
        w[SKALD_QC_PAGE_LO] = static_cast<std::uint32_t>(kHostBase);
        w[SKALD_QC_PAGE_HI] = static_cast<std::uint32_t>(kHostBase >> 32);
        w[SKALD_QC_VECTOR] = 1;
        w[SKALD_QC_PRIORITY] = SKALD_FW_PRIO_LOW;
        w[SKALD_QC_SCRATCH] = SKALD_SCRATCH_MAX;
        return w;
    }
    Words send(Words w) {
        for (std::uint32_t n = 0; n < SKALD_MBOX_WORDS; ++n) {
            card->reg_write(SKALD_REG_MBOX_CMD0 + 4 * n, w[n]);
        }
        card->reg_write(SKALD_REG_MBOX_DOORBELL, 0);
        EXPECT_TRUE(host.wait([&] { return driver->answered(); }));
        Words answer{};
        for (std::uint32_t n = 0; n < SKALD_MBOX_WORDS; ++n) {
            answer[n] = driver->reg(SKALD_REG_MBOX_RSP0 + 4 * n);
        }
        EXPECT_EQ(answer[kTag], w[kTag]);
        return answer;
    }
    void expect_invalid(const Words& w, std::uint32_t word) {
        const Words answer = send(w);
        EXPECT_EQ(answer[kStatus], SKALD_MBOX_INVALID) << "word " << word;
        EXPECT_EQ(answer[kBadWord], word);
    }
};

TEST_F(MailboxTest, PingEchoesTheTag) {
    boot();
    Words w{};
    w[0] = SKALD_MBOX_PING;
    w[kTag] = 0xcafe1234;
    Words expected{};
    expected[kTag] = 0xcafe1234;
    EXPECT_EQ(send(w), expected);
}

TEST_F(MailboxTest, UnknownCommandsAreToldFromInvalidOnes) {
    boot();
    for (const std::uint32_t opcode : {0u, 2u, 0x13u, 0x40u, 0xffffffffu}) {
        EXPECT_EQ(driver->command({opcode})[kStatus], SKALD_MBOX_UNKNOWN) << opcode;
    }
}

TEST_F(MailboxTest, UnusedWordsMustBeZero) {
    boot_with_context();
    const std::pair<std::uint32_t, std::uint32_t> first_unused[] = {
        {SKALD_MBOX_PING, 2},           {SKALD_MBOX_QUEUE_CREATE, 15},
        {SKALD_MBOX_QUEUE_DESTROY, 3},  {SKALD_MBOX_QUEUE_STATUS, 3},
        {SKALD_MBOX_CTX_CREATE, 5},     {SKALD_MBOX_CTX_DESTROY, 3},
        {SKALD_MBOX_CTX_INVALIDATE, 3}, {SKALD_MBOX_CTX_KILL, 4},
        {SKALD_MBOX_CTX_FAULT, 3},      {SKALD_MBOX_TELEMETRY, 2},
        {SKALD_MBOX_HALT, 2},           {SKALD_MBOX_MEM_CLEAR, 6},
        {SKALD_MBOX_LOG_LEVEL, 3},
    };
    for (const auto& [opcode, first] : first_unused) {
        for (std::uint32_t word = first; word < SKALD_MBOX_WORDS; ++word) {
            Words w{};
            w[0] = opcode;
            w[word] = 1;
            expect_invalid(w, word);
        }
    }
    EXPECT_EQ(driver->status(), SKALD_STATE_RUNNING);
}

TEST_F(MailboxTest, QueueCreateNamesTheWordThatIsOutOfRange) {
    boot_with_context();
    const std::pair<std::uint32_t, std::uint32_t> bad[] = {
        {SKALD_QC_QUEUE, SKALD_MAX_QUEUES},
        {SKALD_QC_QUEUE, ~0u},
        {SKALD_QC_CTX, SKALD_MAX_CONTEXTS},
        {SKALD_QC_RING_LO, 0x400020},
        {SKALD_QC_RING_LO, kMemoryBytes},
        {SKALD_QC_RING_LO, kMemoryBytes - 64},
        {SKALD_QC_RING_LOG2, SKALD_RING_LOG2_MIN - 1},
        {SKALD_QC_RING_LOG2, SKALD_RING_LOG2_MAX + 1},
        {SKALD_QC_RING_LOG2, ~0u},
        {SKALD_QC_PAGE_LO, 64},
        {SKALD_QC_VECTOR, 0},
        {SKALD_QC_VECTOR, SKALD_NUM_VECTORS},
        {SKALD_QC_PRIORITY, SKALD_FW_PRIO_COUNT},
        {SKALD_QC_SCRATCH, SKALD_SCRATCH_MAX + 1},
        {SKALD_QC_SCRATCH, SKALD_SCRATCH_MAX + 4096},
        {SKALD_QC_SCRATCH, 24},
        {SKALD_QC_SCRATCH, 4095},
        {SKALD_QC_SCRATCH, 4096 + 2048},
        {SKALD_QC_JOB_MS, SKALD_JOB_MS_MAX + 1},
        {SKALD_QC_JOB_MS, ~0u},
    };
    for (const auto& [word, value] : bad) {
        Words w = queue_words(0);
        w[word] = value;
        expect_invalid(w, word);
    }
    Words w = queue_words(0);
    w[SKALD_QC_RING_HI] = 1;  // beyond memory
    expect_invalid(w, SKALD_QC_RING_LO);
    EXPECT_EQ(send(queue_words(0))[kStatus], SKALD_MBOX_OK);
}

TEST_F(MailboxTest, QueueHardwareGetsWhatTheDriverSaid) {
    boot_with_context();
    Words w = queue_words(255);
    w[SKALD_QC_VECTOR] = 15;
    w[SKALD_QC_COALESCE_TOKENS] = 8;
    w[SKALD_QC_COALESCE_US] = 123456;
    ASSERT_EQ(send(w)[kStatus], SKALD_MBOX_OK);
    const auto hw = engine->queue(255);
    ASSERT_TRUE(hw);
    EXPECT_EQ(hw->context, 0u);
    EXPECT_EQ(hw->page.value, kHostBase);
    EXPECT_EQ(hw->vector, 15u);
    EXPECT_EQ(hw->scratch_bytes, SKALD_SCRATCH_MAX);
    EXPECT_EQ(hw->coalesce_tokens, 8u);
    EXPECT_EQ(hw->coalesce_us, 123456u);
    ASSERT_EQ(driver->command({SKALD_MBOX_QUEUE_DESTROY, 255})[kStatus], SKALD_MBOX_OK);
    EXPECT_FALSE(engine->queue(255));
}

TEST_F(MailboxTest, AQueueWithoutMemoryForItsScratchIsRefusedAndLeavesNothing) {
    boot_with_context();
    engine->limit_scratch(SKALD_SCRATCH_MAX);
    Words large = queue_words(7);
    large[SKALD_QC_SCRATCH] = SKALD_SCRATCH_MAX;
    Words small = queue_words(8);
    small[SKALD_QC_SCRATCH] = SKALD_PAGE_SIZE;
    ASSERT_EQ(send(small)[kStatus], SKALD_MBOX_OK);
    EXPECT_EQ(send(large)[kStatus], SKALD_MBOX_NOMEM);
    EXPECT_FALSE(engine->queue(7));
    EXPECT_EQ(driver->command({SKALD_MBOX_QUEUE_STATUS, 7})[kStatus], SKALD_MBOX_NOENT);
    EXPECT_EQ(driver->command({SKALD_MBOX_TELEMETRY})[SKALD_TM_QUEUES], 1u);
    ASSERT_EQ(driver->command({SKALD_MBOX_QUEUE_DESTROY, 8})[kStatus], SKALD_MBOX_OK);
    EXPECT_EQ(send(large)[kStatus], SKALD_MBOX_OK) << "there is room again";
}

TEST_F(MailboxTest, QueuesAndContextsExistOnceAndInOrder) {
    boot();
    EXPECT_EQ(send(queue_words(3))[kStatus], SKALD_MBOX_NOENT) << "no context yet";
    ASSERT_EQ(driver->create_context(0), SKALD_MBOX_OK);
    EXPECT_EQ(driver->create_context(0), SKALD_MBOX_EXISTS);
    EXPECT_EQ(send(queue_words(3))[kStatus], SKALD_MBOX_OK);
    EXPECT_EQ(send(queue_words(3))[kStatus], SKALD_MBOX_EXISTS);
    EXPECT_EQ(driver->command({SKALD_MBOX_CTX_DESTROY, 0})[kStatus], SKALD_MBOX_BUSY_CTX);
    EXPECT_EQ(driver->command({SKALD_MBOX_QUEUE_DESTROY, 3})[kStatus], SKALD_MBOX_OK);
    EXPECT_EQ(driver->command({SKALD_MBOX_QUEUE_DESTROY, 3})[kStatus], SKALD_MBOX_NOENT);
    EXPECT_EQ(driver->command({SKALD_MBOX_CTX_DESTROY, 0})[kStatus], SKALD_MBOX_OK);
    EXPECT_EQ(driver->command({SKALD_MBOX_CTX_DESTROY, 0})[kStatus], SKALD_MBOX_NOENT);
    EXPECT_FALSE(engine->root(0));
}

TEST_F(MailboxTest, CommandsOfMissingQueuesAndContextsSayWhich) {
    boot();
    for (const std::uint32_t opcode :
         {SKALD_MBOX_QUEUE_DESTROY, SKALD_MBOX_QUEUE_STATUS, SKALD_MBOX_CTX_DESTROY,
          SKALD_MBOX_CTX_INVALIDATE, SKALD_MBOX_CTX_KILL, SKALD_MBOX_CTX_FAULT}) {
        EXPECT_EQ(driver->command({opcode, 5})[kStatus], SKALD_MBOX_NOENT) << opcode;
        const Words answer = driver->command({opcode, 256});
        EXPECT_EQ(answer[kStatus], SKALD_MBOX_INVALID) << opcode;
        EXPECT_EQ(answer[kBadWord], 2u);
    }
}

TEST_F(MailboxTest, ContextRootsAreCheckedAndInstalled) {
    boot();
    for (const std::uint32_t root : {0x1800u, static_cast<std::uint32_t>(kMemoryBytes)}) {
        const Words answer = driver->command({SKALD_MBOX_CTX_CREATE, 0, root, 0});
        EXPECT_EQ(answer[kStatus], SKALD_MBOX_INVALID);
        EXPECT_EQ(answer[kBadWord], static_cast<std::uint32_t>(SKALD_CC_ROOT_LO));
    }
    EXPECT_EQ(driver->command({SKALD_MBOX_CTX_CREATE, 64, 0, 0})[kBadWord], 2u);
    for (std::uint32_t id = 0; id < SKALD_MAX_CONTEXTS; ++id) {
        ASSERT_EQ(driver->create_context(id), SKALD_MBOX_OK);
    }
    EXPECT_EQ(engine->root(63)->value, 0x100000u + 63 * 4096);
    EXPECT_EQ(driver->command({SKALD_MBOX_TELEMETRY})[SKALD_TM_CONTEXTS], 64u);
}

TEST_F(MailboxTest, AllQueuesCanExistAtOnce) {
    boot_with_context();
    for (std::uint32_t id = 0; id < SKALD_MAX_QUEUES; ++id) {
        ASSERT_EQ(send(queue_words(id))[kStatus], SKALD_MBOX_OK) << id;
    }
    EXPECT_EQ(driver->command({SKALD_MBOX_TELEMETRY})[SKALD_TM_QUEUES], SKALD_MAX_QUEUES);
}

TEST_F(MailboxTest, KillReasonsAreChecked) {
    boot_with_context();
    const Words answer = driver->command({SKALD_MBOX_CTX_KILL, 0, SKALD_FAULT_LAST + 1});
    EXPECT_EQ(answer[kStatus], SKALD_MBOX_INVALID);
    EXPECT_EQ(answer[kBadWord], static_cast<std::uint32_t>(SKALD_CK_REASON));
    EXPECT_EQ(driver->command({SKALD_MBOX_CTX_FAULT, 0})[SKALD_CF_REASON], SKALD_FAULT_NONE);
}

TEST_F(MailboxTest, ASecondCommandWhileBusyIsDropped) {
    boot_with_context();
    ASSERT_EQ(driver->create_queue({}), SKALD_MBOX_OK);
    driver->submit(0, kProgramHang);
    ASSERT_TRUE(host.wait([&] { return driver->reg(SKALD_REG_ENGINE_STATE) == 1; }));
    engine->hold(true);
    // The first word of the second command changes what the register shows, not what was posted.
    driver->post({SKALD_MBOX_QUEUE_DESTROY, 0});
    card->reg_write(SKALD_REG_MBOX_CMD0, SKALD_MBOX_HALT);
    card->reg_write(SKALD_REG_MBOX_DOORBELL, 1);
    engine->hold(false);
    EXPECT_EQ(driver->answer()[kStatus], SKALD_MBOX_OK);
    EXPECT_EQ(driver->status(), SKALD_STATE_RUNNING);
}

TEST_F(MailboxTest, CommandsWithoutAFirmwareAreDropped) {
    card->reg_write(SKALD_REG_MBOX_DOORBELL, 1);
    EXPECT_EQ(host.guest_errors().size(), 1u);
    EXPECT_TRUE(driver->answered());
}

TEST_F(MailboxTest, TelemetryCounts) {
    boot_with_context();
    ASSERT_EQ(driver->create_queue({}), SKALD_MBOX_OK);
    driver->completion(0, driver->submit(0, kProgramSteps, 5));
    driver->completion(0, driver->submit(0, kProgramFault));
    const Words t = driver->command({SKALD_MBOX_TELEMETRY});
    EXPECT_EQ(t[SKALD_TM_JOBS], 2u);
    EXPECT_EQ(t[SKALD_TM_FAULTS], 1u);
    EXPECT_EQ(t[SKALD_TM_QUEUES], 1u);
    EXPECT_EQ(t[SKALD_TM_CONTEXTS], 1u);
    EXPECT_GE(t[SKALD_TM_BUSY_MS], 5u);
    EXPECT_GE(t[SKALD_TM_UPTIME_MS], t[SKALD_TM_BUSY_MS]);
}

TEST_F(MailboxTest, MemClearZeroesTheRangeAndNothingElse) {
    boot();
    const auto range = host.memory().subspan(0x3ff000, 0x302000);
    std::memset(range.data(), 0xa5, range.size());
    EXPECT_EQ(driver->command({SKALD_MBOX_MEM_CLEAR, 0x400000, 0, 0x300000, 0})[kStatus],
              SKALD_MBOX_OK);
    const auto ones = [](std::byte b) { return b == std::byte{0xa5}; };
    const auto zero = [](std::byte b) { return b == std::byte{0}; };
    EXPECT_TRUE(std::ranges::all_of(range.first(0x1000), ones));
    EXPECT_TRUE(std::ranges::all_of(range.subspan(0x1000, 0x300000), zero));
    EXPECT_TRUE(std::ranges::all_of(range.last(0x1000), ones));
    // To the last byte there is.
    EXPECT_EQ(driver->command({SKALD_MBOX_MEM_CLEAR, kMemoryBytes - 4096, 0, 4096, 0})[kStatus],
              SKALD_MBOX_OK);
    EXPECT_EQ(driver->command({SKALD_MBOX_MEM_CLEAR, kMemoryBytes - 4096, 0, 8192, 0})[kStatus],
              SKALD_MBOX_INVALID);
}

TEST_F(MailboxTest, MemClearIsTheOwnersBusinessIfItCan) {
    boot();
    const auto page = host.memory().subspan(0x500000, 4096);
    page[5] = std::byte{1};
    std::vector<std::span<std::byte>> discarded;
    host.discard = [&](std::span<std::byte> range) {
        discarded.push_back(range);
        return true;
    };
    EXPECT_EQ(driver->command({SKALD_MBOX_MEM_CLEAR, 0x500000, 0, 4096, 0})[kStatus],
              SKALD_MBOX_OK);
    ASSERT_EQ(discarded.size(), 1u);
    EXPECT_EQ(discarded[0].data(), page.data());
    EXPECT_EQ(discarded[0].size(), page.size());
    EXPECT_EQ(page[5], std::byte{1}) << "left to the owner";
    host.discard = [](std::span<std::byte>) { return false; };
    EXPECT_EQ(driver->command({SKALD_MBOX_MEM_CLEAR, 0x500000, 0, 4096, 0})[kStatus],
              SKALD_MBOX_OK);
    EXPECT_EQ(page[5], std::byte{0});
}

TEST_F(MailboxTest, LogLevelSaysHowMuchIsWrittenUntilTheNextBoot) {
    const auto contexts_in_log = [&] { return driver->log_text().find(" created, root "); };
    boot();
    ASSERT_EQ(driver->create_context(0), SKALD_MBOX_OK);
    EXPECT_EQ(contexts_in_log(), std::string::npos);
    EXPECT_EQ(driver->command({SKALD_MBOX_LOG_LEVEL, SKALD_FW_LOG_DEBUG})[kStatus], SKALD_MBOX_OK);
    ASSERT_EQ(driver->create_context(1), SKALD_MBOX_OK);
    EXPECT_NE(contexts_in_log(), std::string::npos) << driver->log_text();
    const Words refused = driver->command({SKALD_MBOX_LOG_LEVEL, SKALD_FW_LOG_COUNT});
    EXPECT_EQ(refused[kStatus], SKALD_MBOX_INVALID);
    EXPECT_EQ(refused[kBadWord], SKALD_LL_LEVEL);
    driver->reset();
    boot_with_context();
    EXPECT_EQ(contexts_in_log(), std::string::npos) << driver->log_text();
}

TEST_F(MailboxTest, HeartbeatGoesOnWithoutAnythingToDo) {
    boot();
    const std::uint32_t before = driver->reg(SKALD_REG_HEARTBEAT);
    EXPECT_TRUE(host.wait([&] { return driver->reg(SKALD_REG_HEARTBEAT) > before + 2; }));
}

TEST_F(MailboxTest, HaltAnswersThenTheCardIsDead) {
    boot_with_context();
    ASSERT_EQ(driver->create_queue({}), SKALD_MBOX_OK);
    driver->submit(0, kProgramHang);
    driver->submit(0, kProgramDone);
    ASSERT_TRUE(host.wait([&] { return driver->reg(SKALD_REG_ENGINE_STATE) == 1; }));
    EXPECT_EQ(driver->command({SKALD_MBOX_HALT})[kStatus], SKALD_MBOX_OK);
    EXPECT_EQ(driver->completion(0, 1).status, SKALD_JOB_CANCELLED);
    EXPECT_EQ(driver->completion(0, 2).status, SKALD_JOB_CANCELLED);
    ASSERT_TRUE(host.wait([&] { return driver->status() == SKALD_STATE_DEAD; }));
    EXPECT_EQ(driver->reg(SKALD_REG_BOOT_ERROR), SKALD_BOOT_HALT);
    EXPECT_EQ(driver->reg(SKALD_REG_BOOT_DETAIL), 0u);
    EXPECT_EQ(driver->reg(SKALD_REG_ENGINE_STATE), 0u);
}

}  // namespace
}  // namespace skald::card::test
