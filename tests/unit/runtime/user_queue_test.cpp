// SPDX-License-Identifier: MIT
// Queues that libskald rings itself: what it stores where, in which order, and when it waits.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "fake_os.hpp"
#include "libskald/address_space.hpp"
#include "libskald/drm_device.hpp"
#include "libskald/error.hpp"
#include "libskald/queue.hpp"
#include "libskald/syncobj.hpp"
#include "skald/fault.h"
#include "skald/ring.h"

namespace skald::test {
namespace {

using rt::Error;

class UserQueueTest : public testing::Test {
  protected:
    static rt::QueueOptions options() {
        rt::QueueOptions options;
        options.user_mode = true;
        return options;
    }
    [[nodiscard]] skald_ring_entry entry(std::uint64_t place) const {
        skald_ring_entry entry;
        std::memcpy(&entry, os.ring + place * sizeof entry, sizeof entry);
        return entry;
    }
    [[nodiscard]] std::uint32_t rung() const {
        std::uint32_t tail = 0;
        std::memcpy(&tail, os.doorbell, sizeof tail);
        return tail;
    }
    static drm_skald_job job(std::uint64_t number) {
        drm_skald_job job{};
        job.program_va = 0x10000 + number * 64;
        job.args_va = 0x20000;
        job.program_ops = 7;
        return job;
    }
    template <class Call>
    static int code_of(Call call) {
        try {
            call();
        } catch (const Error& error) {
            return error.code();
        }
        return 0;
    }

    FakeOs os;
    std::unique_ptr<rt::Device> device = rt::open_card(os);
    rt::AddressSpace space{*device};
};

TEST_F(UserQueueTest, ASubmissionIsStoresAndNoCall) {
    rt::Queue queue(space, options());
    EXPECT_EQ(os.last_queue.flags, static_cast<std::uint32_t>(DRM_SKALD_QUEUE_USER_MODE));
    ASSERT_NE(os.ring, nullptr);
    drm_skald_job first = job(1);
    first.profile_va = 0x30000;
    first.flags = DRM_SKALD_JOB_PROFILE_MODEL;
    first.loop_budget = 9;
    first.time_budget_ns = 5;
    os.fail_ioctl[DRM_IOCTL_SKALD_SUBMIT] = EIO;
    EXPECT_EQ(queue.submit(first), 1u);
    EXPECT_EQ(queue.submit(job(2)), 2u);
    EXPECT_TRUE(os.jobs.empty());
    EXPECT_EQ(rung(), 2u);
    EXPECT_EQ(entry(0).seq, 1u);
    EXPECT_EQ(entry(0).program_va, first.program_va);
    EXPECT_EQ(entry(0).args_va, first.args_va);
    EXPECT_EQ(entry(0).program_ops, 7u);
    EXPECT_EQ(entry(0).profile_va, 0x30000u | SKALD_PROFILE_MODEL);
    EXPECT_EQ(entry(0).time_budget, 5u);
    EXPECT_EQ(entry(0).loop_budget, 9u);
    EXPECT_EQ(entry(1).seq, 2u);
    EXPECT_EQ(entry(1).time_budget, 1000000000u) << "what SUBMIT takes for 0";
    EXPECT_EQ(os.waits, 0u);
}

TEST_F(UserQueueTest, WhatDoesNotFitIntoTheRingWaitsForEndsOfJobs) {
    rt::Queue queue(space, options());
    const std::uint32_t ring_jobs = os.device.ring_jobs;
    std::vector<drm_skald_job> jobs;
    for (std::uint32_t i = 0; i < 2 * ring_jobs + 3; ++i)
        jobs.push_back(job(i));
    EXPECT_EQ(queue.submit(jobs), jobs.size());
    EXPECT_GE(os.waits, 2u);
    EXPECT_EQ(rung(), jobs.size());
    EXPECT_EQ(entry(2).seq, 2 * ring_jobs + 3);
    EXPECT_EQ(entry(2).program_va, jobs.back().program_va);
    EXPECT_EQ(entry(3).seq, ring_jobs + 4) << "the round before";
}

TEST_F(UserQueueTest, AFullRingOfALostQueueIsAnErrorAndNoWaitForEver) {
    rt::Queue queue(space, options());
    os.complete_at_once = false;
    const std::vector<drm_skald_job> jobs(os.device.ring_jobs, job(1));
    queue.submit(jobs);
    os.wait_result = -ENOTRECOVERABLE;
    EXPECT_EQ(code_of([&] { queue.submit(job(2)); }), ENOTRECOVERABLE);
    EXPECT_EQ(rung(), jobs.size()) << "a job that has no place is not announced";
}

TEST_F(UserQueueTest, WaitingSeesWhatTheCardHasDone) {
    rt::Queue queue(space, options());
    const std::uint64_t last = queue.submit(job(1));
    queue.wait_job(last);
    EXPECT_EQ(os.completed, last);
    os.last_status = SKALD_JOB_FAULT;
    os.fault.reason = SKALD_FAULT_UNMAPPED;
    EXPECT_EQ(code_of([&] { queue.wait_job(queue.submit(job(2))); }), ENOTRECOVERABLE);
}

TEST_F(UserQueueTest, FencesAreRefusedBeforeAnythingIsWritten) {
    rt::Queue queue(space, options());
    const rt::Syncobj sync(*device);
    const rt::SyncPoint point = sync.signal();
    const drm_skald_job one = job(1);
    EXPECT_EQ(code_of([&] { queue.submit({&one, 1}, {&point, 1}); }), EINVAL);
    EXPECT_EQ(rung(), 0u);
    EXPECT_EQ(entry(0).seq, 0u);
    EXPECT_EQ(queue.submitted(), 0u);
}

TEST_F(UserQueueTest, AMappingThatFailsLeavesNoQueue) {
    os.fail_call["mmap"] = ENOMEM;
    EXPECT_EQ(code_of([&] { const rt::Queue queue(space, options()); }), ENOMEM);
    EXPECT_TRUE(os.queues.empty());
    EXPECT_TRUE(os.mappings.empty());
}

TEST_F(UserQueueTest, ItGivesItsMappingsBack) {
    {
        const rt::Queue queue(space, options());
        EXPECT_EQ(os.mappings.size(), 2u);
    }
    EXPECT_TRUE(os.mappings.empty());
    EXPECT_TRUE(os.queues.empty());
}

TEST(UserQueueOfAnOldDriver, IsRefusedWithItsVersion) {
    FakeOs os;
    os.driver_minor = 4;
    const auto device = rt::open_card(os);
    rt::AddressSpace space(*device);
    rt::QueueOptions options;
    options.user_mode = true;
    try {
        const rt::Queue queue(space, options);
        ADD_FAILURE() << "no error was thrown";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), EOPNOTSUPP);
        EXPECT_NE(std::string(error.what()).find("1.4"), std::string::npos) << error.what();
    }
    EXPECT_TRUE(os.queues.empty());
}

}  // namespace
}  // namespace skald::test
