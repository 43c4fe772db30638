// SPDX-License-Identifier: MIT
// A card that may sleeps by itself when nobody wants anything of it, and nobody notices.
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "context.hpp"
#include "skald/fault.h"
#include "user_queue.hpp"

namespace skald::test {
namespace {

std::string power(const std::string& name) {
    return card_sysfs() + "/power/" + name;
}

bool wait_status(const std::string& status) {
    for (int i = 0; i < 2000; ++i) {
        if (read_file(power("runtime_status")) == status + "\n")
            return true;
        ::usleep(10000);
    }
    return false;
}

bool sleeps() {
    return wait_status("suspended");
}

class Idle : public testing::Test {
  protected:
    void SetUp() override {
        delay_ = read_file(power("autosuspend_delay_ms"));
        write_file(power("autosuspend_delay_ms"), "50");
        write_file(power("control"), "auto");
        resets_ = device_->firmware().resets;
    }
    void TearDown() override {
        write_file(power("control"), "on");
        write_file(power("autosuspend_delay_ms"), delay_);
        const Device device;
        EXPECT_EQ(device.firmware().resets, resets_) << "sleep is no reset";
        Context context(device);
        EXPECT_EQ(context.run(write_word(0, 0x600d)), 0);
        EXPECT_EQ(context.data(0), 0x600du);
    }

    std::unique_ptr<Device> device_ = std::make_unique<Device>();
    std::uint32_t resets_ = 0;

  private:
    std::string delay_;
};

TEST_F(Idle, ACardThatMayNotSleepDoesNot) {
    write_file(power("control"), "on");
    ::usleep(500000);
    EXPECT_EQ(read_file(power("runtime_status")), "active\n");
    write_file(power("control"), "auto");
    EXPECT_TRUE(sleeps());
}

TEST_F(Idle, TheCardSleepsWithAndWithoutOpenFiles) {
    EXPECT_TRUE(sleeps());
    device_.reset();
    EXPECT_TRUE(sleeps());
}

TEST_F(Idle, BuffersContextsAndQueuesAreKept) {
    Context first(*device_), second(*device_);
    std::uint32_t other = 0;
    ASSERT_EQ(device_->queue_create(first.vm(), &other), 0);
    for (std::uint64_t round = 1; round <= 5; ++round) {
        ASSERT_EQ(first.run(write_word(round, 100 + round)), 0);
        ASSERT_EQ(second.run(write_word(round, 200 + round)), 0);
        const drm_skald_job job = first.load(write_word(10 + round, 300 + round), 1);
        ASSERT_EQ(device_->submit(other, {&job, 1}), 0);
        ASSERT_EQ(device_->wait_completed(other, round), 0);
        ASSERT_TRUE(sleeps()) << round;
    }
    for (std::uint64_t round = 1; round <= 5; ++round) {
        EXPECT_EQ(first.data(round), 100 + round);
        EXPECT_EQ(second.data(round), 200 + round);
        EXPECT_EQ(first.data(10 + round), 300 + round);
    }
    EXPECT_EQ(first.query().completed, 5u);
    EXPECT_EQ(device_->vm_query(first.vm()).banned, 0u);
}

TEST_F(Idle, TouchingAMappedBufferWakesTheCard) {
    const Context context(*device_);
    context.data(3) = 77;
    ASSERT_TRUE(sleeps());
    EXPECT_EQ(context.data(3), 77u);
    context.data(3) = 78;
    ASSERT_TRUE(sleeps());
    EXPECT_EQ(context.data(3), 78u);
}

TEST_F(Idle, TokensAndJobsAreCountedOnOverSleep) {
    Context context(*device_);
    for (std::uint64_t round = 1; round <= 3; ++round) {
        ASSERT_EQ(context.run(tokens(context, 5)), 0);
        ASSERT_TRUE(sleeps());
        EXPECT_EQ(context.query().progress, 5 * round);
    }
    // More jobs than a ring has entries, before and after.
    for (unsigned i = 0; i < 40; ++i)
        ASSERT_EQ(context.run(write_word(0, i)), 0);
    ASSERT_TRUE(sleeps());
    for (unsigned i = 0; i < 40; ++i)
        ASSERT_EQ(context.run(write_word(0, 100 + i)), 0);
    EXPECT_EQ(context.data(0), 139u);
    // A fault is told with the number of the job in its queue.
    ASSERT_EQ(context.run(bad_opcode()), 0);
    const drm_skald_vm_query fault = device_->vm_query(context.vm());
    EXPECT_EQ(fault.reason, static_cast<std::uint32_t>(SKALD_FAULT_OPCODE));
    EXPECT_EQ(fault.queue_id, context.queue());
    EXPECT_EQ(fault.seq, 3u + 40u + 40u + 1u);
}

TEST_F(Idle, AJobThatRunsOrWaitsKeepsTheCardAwake) {
    Context context(*device_);
    const std::uint32_t gate = device_->syncobj(), done = device_->syncobj();
    Context blocker(*device_);
    const drm_skald_sync open = signal_binary(gate);
    ASSERT_EQ(blocker.submit(announce_and(Program().wait_semaphore(Context::data_va(9), 1).end()),
                             0, {&open, 1}),
              0);
    const drm_skald_sync syncs[] = {wait_binary(gate), signal_binary(done)};
    ASSERT_EQ(context.submit(write_word(0, 5), 0, syncs), 0);
    ::usleep(500000);
    EXPECT_EQ(read_file(power("runtime_status")), "active\n");
    blocker.data(9) = 1;
    EXPECT_EQ(device_->syncobj_wait(done, 20000), 0);
    EXPECT_EQ(context.data(0), 5u);
    EXPECT_TRUE(sleeps());
}

TEST_F(Idle, AUserModeQueueKeepsTheCardAwakeForItsDoorbell) {
    const Device device;
    const Context context(device);
    {
        UserQueue queue(context);
        ::usleep(500000);
        EXPECT_EQ(read_file(power("runtime_status")), "active\n");
        for (std::uint64_t round = 1; round <= 3; ++round) {
            EXPECT_EQ(queue.run(context.load(write_word(0, round))), 0);
            EXPECT_EQ(context.data(0), round);
        }
        ::usleep(500000);
        EXPECT_EQ(read_file(power("runtime_status")), "active\n");
        EXPECT_EQ(queue.destroy(), 0);
    }
    EXPECT_TRUE(sleeps());
}

TEST_F(Idle, ABannedContextStaysBanned) {
    Context context(*device_), good(*device_);
    ASSERT_EQ(context.run(bad_opcode()), 0);
    ASSERT_TRUE(sleeps());
    EXPECT_EQ(context.submit(write_word(0, 1)), ENOTRECOVERABLE);
    EXPECT_EQ(device_->vm_query(context.vm()).reason,
              static_cast<std::uint32_t>(SKALD_FAULT_OPCODE));
    EXPECT_EQ(good.run(write_word(0, 1)), 0);
}

TEST_F(Idle, WhatIsEndedWhileTheCardSleepsIsGone) {
    for (int round = 0; round < 3; ++round) {
        std::vector<std::unique_ptr<Context>> contexts;
        for (int i = 0; i < 4; ++i)
            contexts.push_back(std::make_unique<Context>(*device_));
        ASSERT_TRUE(sleeps());
        ASSERT_EQ(device_->queue_destroy(contexts[0]->queue()), 0);
        ASSERT_EQ(device_->vm_destroy(contexts[0]->vm()), 0);
        ASSERT_TRUE(sleeps());
        EXPECT_EQ(contexts[1]->run(write_word(0, 1)), 0);
        ASSERT_TRUE(sleeps());
        // All at once. A mapping would keep the file open.
        contexts.clear();
        device_ = std::make_unique<Device>();
        const drm_skald_query_usage usage = device_->settled_usage();
        EXPECT_EQ(usage.queues, 0u);
        EXPECT_EQ(usage.vms, 0u);
    }
}

TEST_F(Idle, AMappedRangeThatIsReboundAfterSleepIsTheNewOne) {
    Context context(*device_);
    std::uint32_t first = 0, second = 0;
    ASSERT_EQ(device_->bo_create(kBig, DRM_SKALD_BO_CARD, &first), 0);
    ASSERT_EQ(device_->bo_create(kBig, DRM_SKALD_BO_CARD, &second), 0);
    const Mapping one = device_->map(first, kBig), two = device_->map(second, kBig);
    one.at<std::uint64_t>(0) = 11;
    two.at<std::uint64_t>(0) = 22;
    constexpr std::uint64_t kVa = 0x40000000;
    for (const auto& [handle, value] : {std::pair{first, 11u}, std::pair{second, 22u}}) {
        ASSERT_EQ(device_->map_va(context.vm(), handle, kVa, kBig), 0);
        ASSERT_TRUE(sleeps());
        ASSERT_EQ(context.run(Program().load(1, kVa).store(Context::data_va(0), 1).end()), 0);
        EXPECT_EQ(context.data(0), value);
    }
}

}  // namespace
}  // namespace skald::test
