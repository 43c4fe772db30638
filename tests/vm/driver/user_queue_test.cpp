// SPDX-License-Identifier: MIT
// User-mode queues: they run what the process writes and rings, and whatever it writes, hurt nobody
// but itself.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <thread>
#include <vector>

#include "skald/fault.h"
#include "skald/regs.h"
#include "user_queue.hpp"

namespace skald::test {
namespace {

namespace fs = std::filesystem;

void flr() {
    write_file(card_sysfs() + "/reset", "1");
}

void expect_works() {
    const Device device;
    Context context(device);
    EXPECT_EQ(context.run(write_word(0, 0x600d)), 0);
    EXPECT_EQ(context.data(0), 0x600du);
}

int wait_for_news(const Device& device, std::uint32_t queue, std::uint64_t completed) {
    drm_skald_wait_progress wait{};
    wait.queue_id = queue;
    wait.seen_completed = completed;
    return device.wait_progress(wait, 20000);
}

// The ban may be told before the end of the job that it ends.
void wait_for_ban(const UserQueue& queue) {
    const int error = queue.wait(2, 60000);
    EXPECT_EQ(error, ENOTRECOVERABLE);
}

// What mmap of a page of the node says: 0 or an errno.
int mmap_error(const Device& device, std::uint64_t offset, std::size_t bytes = 4096,
               int protection = PROT_READ | PROT_WRITE, int flags = MAP_SHARED) {
    void* const at =
        ::mmap(nullptr, bytes, protection, flags, device.fd(), static_cast<off_t>(offset));
    if (at == MAP_FAILED)
        return errno;
    ::munmap(at, bytes);
    return 0;
}

TEST(UapiUserQueue, RunsWhatTheProcessWritesAndRings) {
    const Device device;
    const Context context(device);
    UserQueue queue(context);
    ASSERT_EQ(queue.run(context.load(write_word(0, 0x1234))), 0);
    EXPECT_EQ(context.data(0), 0x1234u);
    const drm_skald_queue_query sums = queue.query();
    EXPECT_EQ(sums.completed, 1u);
    EXPECT_EQ(sums.submitted, 1u);
    EXPECT_EQ(sums.last_status, static_cast<std::uint32_t>(SKALD_JOB_DONE));
    EXPECT_EQ(sums.micro_ops, 3u);
}

TEST(UapiUserQueue, JobsRunInOrderManyTimesRoundTheRing) {
    const Device device;
    const Context context(device);
    UserQueue queue(context);
    for (std::uint64_t seq = 1; seq <= 5 * UserQueue::kEntries; ++seq) {
        // Each has a place for its program that nobody runs any more.
        ASSERT_EQ(queue.wait(seq > 15 ? seq - 15 : 0), 0);
        queue.submit(context.load(write_word(seq, seq * 3), seq % 15));
    }
    ASSERT_EQ(queue.wait(5 * UserQueue::kEntries), 0);
    for (std::uint64_t seq = 1; seq <= 5 * UserQueue::kEntries; ++seq)
        EXPECT_EQ(context.data(seq), seq * 3);
}

TEST(UapiUserQueue, OneDoorbellAnnouncesAFullRing) {
    const Device device;
    const Context context(device);
    UserQueue queue(context);
    const drm_skald_job job = context.load(write_word(0, 1));
    for (std::uint64_t seq = 1; seq <= UserQueue::kEntries; ++seq)
        queue.write(UserQueue::entry(job, seq), seq);
    queue.ring(UserQueue::kEntries);
    EXPECT_EQ(queue.wait(UserQueue::kEntries), 0);
    EXPECT_EQ(queue.query().micro_ops, 3u * UserQueue::kEntries);
}

TEST(UapiUserQueue, TokensAreProgress) {
    const Device device;
    const Context context(device);
    UserQueue queue(context);
    ASSERT_EQ(queue.run(context.load(tokens(context, 5))), 0);
    EXPECT_EQ(queue.query().progress, 5u);
}

TEST(UapiUserQueue, JobsThatNobodyWaitsForAreCounted) {
    const Device device;
    const Context context(device);
    UserQueue queue(context);
    // More than there are places for completions, each rung when the one before wrote its word.
    constexpr std::uint64_t kJobs = 3 * UserQueue::kEntries;
    for (std::uint64_t seq = 1; seq <= kJobs; ++seq) {
        queue.submit(context.load(write_word(0, seq), seq % 2));
        ASSERT_TRUE(wait_word(context, 0, seq));
    }
    EXPECT_EQ(queue.wait(kJobs), 0);
    EXPECT_EQ(queue.query().completed, kJobs);
}

TEST(UapiUserQueue, HasNoFences) {
    const Device device;
    const Context context(device);
    const UserQueue queue(context);
    const drm_skald_job job = context.load(write_word(0, 1));
    EXPECT_EQ(device.submit(queue.id(), {&job, 1}), EINVAL);
}

TEST(UapiUserQueue, RefusesWhatDoesNotFitTogether) {
    const Device device;
    const Context context(device);
    drm_skald_queue_create args{};
    args.vm_id = context.vm();
    args.eventfd = -1;
    args.flags = DRM_SKALD_QUEUE_USER_MODE | DRM_SKALD_QUEUE_KEEP_STAMPS;
    EXPECT_EQ(device.call(DRM_IOCTL_SKALD_QUEUE_CREATE, &args), EINVAL);
    args.flags = DRM_SKALD_QUEUE_USER_MODE;
    args.mmap_offset = 4096;
    EXPECT_EQ(device.call(DRM_IOCTL_SKALD_QUEUE_CREATE, &args), EINVAL);
}

TEST(UapiUserQueue, IsMappedPageByPageSharedAndByItsOwnerAlone) {
    const Device device;
    const Context context(device);
    const UserQueue queue(context);
    const std::uint64_t at = queue.offset();
    EXPECT_EQ(mmap_error(device, at), 0);
    EXPECT_EQ(mmap_error(device, at + DRM_SKALD_QUEUE_MMAP_RING), 0);
    EXPECT_EQ(mmap_error(device, at, DRM_SKALD_QUEUE_MMAP_BYTES), EINVAL);
    EXPECT_EQ(mmap_error(device, at, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE), EINVAL);
    EXPECT_EQ(mmap_error(device, at, 4096, PROT_READ | PROT_EXEC), EINVAL);
    const Device other;
    EXPECT_EQ(mmap_error(other, at), ENOENT);
    // Of a queue of the kernel nothing is mapped, nor of one that is not there.
    for (std::uint64_t number = 0; number < SKALD_MAX_QUEUES; ++number) {
        const std::uint64_t there = at - at % (1ull << 42) + number * DRM_SKALD_QUEUE_MMAP_BYTES;
        if (there != at) {
            EXPECT_EQ(mmap_error(device, there), ENOENT);
        }
    }
    EXPECT_EQ(
        mmap_error(device, at - at % (1ull << 42) + SKALD_MAX_QUEUES * DRM_SKALD_QUEUE_MMAP_BYTES),
        EINVAL);
}

TEST(UapiUserQueue, TheRingBeginsEmpty) {
    const Device device;
    for (int round = 0; round < 3; ++round) {
        const Context context(device);
        UserQueue queue(context);
        for (const std::uint8_t byte : queue.entries().bytes())
            ASSERT_EQ(byte, 0);
        std::memset(queue.entries().bytes().data(), 0xa5, 4096);
        ASSERT_EQ(queue.destroy(), 0);
    }
}

struct Wrong {
    const char* what;
    void (*spoil)(skald_ring_entry&);
    std::uint32_t reason;
};

TEST(UapiUserQueue, AnEntryThatIsWrongFaultsItsOwnerAlone) {
    constexpr std::uint64_t kUnused = 1ull << 40;
    const Wrong kWrong[] = {
        {"seq", [](skald_ring_entry& e) { e.seq += 1; }, SKALD_FAULT_RING_ENTRY},
        {"seq of before", [](skald_ring_entry& e) { e.seq = 0; }, SKALD_FAULT_RING_ENTRY},
        {"flags", [](skald_ring_entry& e) { e.flags = 1; }, SKALD_FAULT_RING_ENTRY},
        {"reserved", [](skald_ring_entry& e) { e.reserved = 1; }, SKALD_FAULT_RING_ENTRY},
        {"no ops", [](skald_ring_entry& e) { e.program_ops = 0; }, SKALD_FAULT_RING_ENTRY},
        {"too many ops", [](skald_ring_entry& e) { e.program_ops = SKALD_PROGRAM_OPS_MAX + 1; },
         SKALD_FAULT_RING_ENTRY},
        {"unaligned program", [](skald_ring_entry& e) { e.program_va += 8; },
         SKALD_FAULT_ALIGNMENT},
        {"unaligned arguments", [](skald_ring_entry& e) { e.args_va += 8; }, SKALD_FAULT_ALIGNMENT},
        {"unaligned profile", [](skald_ring_entry& e) { e.profile_va = kBase + 8; },
         SKALD_FAULT_ALIGNMENT},
        {"program nowhere", [](skald_ring_entry& e) { e.program_va = kUnused; },
         SKALD_FAULT_UNMAPPED},
        {"arguments nowhere", [](skald_ring_entry& e) { e.args_va = kUnused; },
         SKALD_FAULT_UNMAPPED},
        {"profile nowhere", [](skald_ring_entry& e) { e.profile_va = kUnused; },
         SKALD_FAULT_UNMAPPED},
        {"beyond all addresses", [](skald_ring_entry& e) { e.program_va = ~63ull; },
         SKALD_FAULT_UNMAPPED},
    };
    const Device device;
    const Device other_device;
    Context other(other_device);
    for (const Wrong& wrong : kWrong) {
        SCOPED_TRACE(wrong.what);
        const Context context(device);
        UserQueue queue(context);
        const drm_skald_job job = context.load(write_word(0, 1));
        ASSERT_EQ(queue.run(job), 0);
        skald_ring_entry entry = UserQueue::entry(job, 2);
        wrong.spoil(entry);
        queue.write(entry, 2);
        queue.ring(2);
        ASSERT_EQ(queue.wait(2), 0);
        EXPECT_EQ(queue.query().last_status, static_cast<std::uint32_t>(SKALD_JOB_FAULT));
        const drm_skald_vm_query fault = device.vm_query(context.vm());
        EXPECT_EQ(fault.banned, 1u);
        EXPECT_EQ(fault.reason, wrong.reason);
        EXPECT_EQ(fault.queue_id, queue.id());
        EXPECT_EQ(fault.seq, 2u);
        EXPECT_EQ(wait_for_news(device, queue.id(), 2), ENOTRECOVERABLE);
        // What is rung now ends, and nobody is hurt.
        queue.submit(job);
        EXPECT_EQ(other.run(write_word(0, 7)), 0);
        EXPECT_EQ(device.queue_destroy(queue.id()), 0);
        EXPECT_EQ(device.queue_destroy(context.queue()), 0);
        EXPECT_EQ(device.vm_destroy(context.vm()), 0);
    }
}

TEST(UapiUserQueue, ADoorbellThatRunsAheadOrBackIsNotHeard) {
    const Device device;
    const Context context(device);
    UserQueue queue(context);
    const drm_skald_job job = context.load(write_word(0, 1));
    ASSERT_EQ(queue.run(job), 0);
    for (const std::uint32_t tail : {0u, 1u + UserQueue::kEntries + 1, 0x80000000u, ~0u})
        queue.ring(tail);
    EXPECT_EQ(queue.run(job), 0);
    EXPECT_EQ(queue.query().completed, 2u);
    EXPECT_EQ(device.vm_query(context.vm()).banned, 0u);
}

TEST(UapiUserQueue, AccessesToTheDoorbellPageThatAreNoneDoNothing) {
    const Device device;
    const Context context(device);
    UserQueue queue(context);
    const drm_skald_job job = context.load(write_word(0, 1));
    queue.write(UserQueue::entry(job, 1), 1);
    queue.doorbell().at<std::uint8_t>(1) = 1;
    queue.doorbell().at<std::uint16_t>(2) = 1;
    queue.doorbell().at<std::uint32_t>(4) = 1;
    queue.doorbell().at<std::uint64_t>(8) = 1;
    queue.doorbell().at<std::uint32_t>(4092) = 1;
    [[maybe_unused]] const std::uint32_t word = queue.doorbell().at<std::uint32_t>(0);
    [[maybe_unused]] const std::uint8_t byte = queue.doorbell().at<std::uint8_t>(3);
    EXPECT_EQ(queue.query().completed, 0u);
    queue.ring(1);
    EXPECT_EQ(queue.wait(1), 0);
}

TEST(UapiUserQueue, AddressesOfAnotherSpaceAreNotReached) {
    const Device device;
    const Context victim(device);
    const std::uint64_t far = 1ull << 33;
    ASSERT_EQ(device.map_va(victim.vm(), victim.buffer(), far, kBig), 0);
    victim.data(0) = 0x5afe;
    const Context context(device);
    UserQueue queue(context);
    const Program program = Program().set(1, 0xbad).store(far + kData, 1).end();
    ASSERT_EQ(queue.run(context.load(program)), 0);
    EXPECT_EQ(device.vm_query(context.vm()).reason,
              static_cast<std::uint32_t>(SKALD_FAULT_UNMAPPED));
    EXPECT_EQ(victim.data(0), 0x5afeu);
    EXPECT_EQ(device.vm_query(victim.vm()).banned, 0u);
}

TEST(UapiUserQueue, AJobEndsAfterMaxJobMsWhateverItsBudgets) {
    const Device device;
    const Context context(device);
    UserQueue queue(context, 200);
    skald_ring_entry entry = UserQueue::entry(context.load(spin()), 1);
    entry.time_budget = ~0ull;
    entry.loop_budget = ~0ull;
    queue.write(entry, 1);
    queue.ring(1);
    ASSERT_EQ(queue.wait(1), 0);
    EXPECT_EQ(device.vm_query(context.vm()).reason, static_cast<std::uint32_t>(SKALD_FAULT_TIME));
}

TEST(UapiUserQueue, TakesTurnsWithQueuesOfOthers) {
    const Device device;
    const Context context(device);
    UserQueue queue(context);
    queue.submit(context.load(announce_and(spin())));
    ASSERT_TRUE(wait_word(context, 0, 1));
    expect_works();
    EXPECT_EQ(queue.destroy(), 0);
}

TEST(UapiUserQueue, WhatIsUnmappedUnderAJobFaults) {
    const Device device;
    const Context context(device);
    std::uint32_t handle = 0;
    ASSERT_EQ(device.bo_create(kBig, DRM_SKALD_BO_CARD, &handle), 0);
    const std::uint64_t far = 1ull << 33;
    ASSERT_EQ(device.map_va(context.vm(), handle, far, kBig), 0);
    UserQueue queue(context);
    // Reads there for ever.
    queue.submit(context.load(announce_and(Program().load(2, far).jump(0))));
    ASSERT_TRUE(wait_word(context, 0, 1));
    EXPECT_EQ(device.unmap_va(context.vm(), far, kBig), 0);
    EXPECT_EQ(device.bo_close(handle), 0);
    ASSERT_EQ(queue.wait(1), 0);
    EXPECT_EQ(device.vm_query(context.vm()).reason,
              static_cast<std::uint32_t>(SKALD_FAULT_UNMAPPED));
}

TEST(UapiUserQueue, ADestroyedOneIsMemoryThatNobodyReads) {
    const Device device;
    const Context context(device);
    UserQueue old(context);
    const drm_skald_job job = context.load(write_word(0, 1));
    ASSERT_EQ(old.run(job), 0);
    context.data(0) = 0;
    ASSERT_EQ(old.destroy(), 0);
    // It has the number of the old one, so the same doorbell.
    UserQueue fresh(context);
    ASSERT_EQ(fresh.offset(), old.offset());
    fresh.write(UserQueue::entry(job, 1), 1);
    old.write(UserQueue::entry(job, 5), 1);
    old.ring(1);
    EXPECT_EQ(old.doorbell().at<std::uint32_t>(0), 1u);
    ::usleep(50000);
    EXPECT_EQ(fresh.query().completed, 0u);
    EXPECT_EQ(context.data(0), 0u);
    fresh.ring(1);
    EXPECT_EQ(fresh.wait(1), 0);
    EXPECT_EQ(context.data(0), 1u);
    EXPECT_EQ(fresh.destroy(), 0);
}

TEST(UapiUserQueue, IsCountedInUsageAndFdinfo) {
    const Device device;
    const Context context(device);
    UserQueue queue(context);
    const drm_skald_query_usage before = device.usage();
    ASSERT_EQ(queue.run(context.load(write_word(0, 1))), 0);
    EXPECT_GE(device.usage().submissions, before.submissions + 1);
    EXPECT_GE(device.usage().micro_ops, before.micro_ops + 3);
    EXPECT_EQ(device.usage().queues, 2u);
    const std::string text = read_file("/proc/self/fdinfo/" + std::to_string(device.fd()));
    EXPECT_NE(text.find("skald-user-queues:\t1"), std::string::npos) << text;
}

TEST(UapiUserQueue, AChildHasNoPartInIt) {
    const Device device;
    const Context context(device);
    const UserQueue queue(context);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        queue.ring(1);
        ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV) << status;
}

TEST(Processes, TwoWithUserQueuesKeepApart) {
    const auto work = [](std::uint64_t mark) {
        const Device device;
        const Context context(device);
        UserQueue queue(context);
        for (std::uint64_t i = 0; i < 200; ++i)
            if (queue.run(context.load(write_word(0, mark + i))) != 0 ||
                context.data(0) != mark + i)
                return 1;
        return 0;
    };
    pid_t children[2];
    for (int i = 0; i < 2; ++i) {
        children[i] = ::fork();
        ASSERT_GE(children[i], 0);
        if (children[i] == 0)
            ::_exit(work(1000u * (i + 1)));
    }
    for (const pid_t child : children) {
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
    }
}

TEST(Kill, Signal9InAUserModeJobFreesAll) {
    const Device device;
    const drm_skald_query_usage before = device.settled_usage();
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        const Device own;
        const Context context(own);
        UserQueue queue(context);
        queue.submit(context.load(announce_and(spin())));
        const char ready = wait_word(context, 0, 1) ? 1 : 0;
        if (::write(ends[1], &ready, 1) == 1)
            for (;;)
                queue.ring(1);
        ::_exit(1);
    }
    char ready = 0;
    ASSERT_EQ(::read(ends[0], &ready, 1), 1);
    EXPECT_EQ(ready, 1);
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    ::close(ends[0]);
    ::close(ends[1]);
    const drm_skald_query_usage after = device.settled_usage();
    EXPECT_EQ(after.queues, before.queues);
    EXPECT_EQ(after.vms, before.vms);
    EXPECT_EQ(after.mem_used, before.mem_used);
    expect_works();
}

TEST(Watchdog, KillsAUserModeJobThatMakesNoProgress) {
    const Device device;
    const Context context(device);
    UserQueue queue(context);
    queue.submit(context.load(hang()));
    wait_for_ban(queue);
    const drm_skald_vm_query fault = device.vm_query(context.vm());
    EXPECT_EQ(fault.reason, static_cast<std::uint32_t>(SKALD_FAULT_WATCHDOG));
    EXPECT_EQ(fault.queue_id, queue.id());
    EXPECT_EQ(fault.seq, 1u);
    expect_works();
}

TEST(Watchdog, FindsAHangingUserModeJobBesideABusyOne) {
    const Device device, busy_device;
    const Context context(device), busy(busy_device);
    UserQueue queue(context);
    ASSERT_EQ(busy.submit(announce_and(spin())), 0);
    ASSERT_TRUE(wait_word(busy, 0, 1));
    queue.submit(context.load(hang()));
    wait_for_ban(queue);
    EXPECT_EQ(device.vm_query(context.vm()).reason,
              static_cast<std::uint32_t>(SKALD_FAULT_WATCHDOG));
    EXPECT_EQ(busy_device.vm_query(busy.vm()).banned, 0u);
    EXPECT_EQ(busy_device.queue_destroy(busy.queue()), 0);
}

// The watchdog looks at all queues, each second, as long as there is one that user space rings.
TEST(Watchdog, UserModeQueuesThatComeAndGoAreNotTakenForLost) {
    const Device device;
    const Context context(device);
    UserQueue old(context);
    std::atomic<bool> stop{false};
    std::atomic<unsigned> made{0};
    std::vector<std::thread> makers;
    for (int i = 0; i < 3; ++i)
        makers.emplace_back([&] {
            const Device own;
            const Context space(own);
            while (!stop) {
                drm_skald_queue_create args{};
                args.vm_id = space.vm();
                args.priority = DRM_SKALD_PRIORITY_NORMAL;
                args.eventfd = -1;
                args.flags = DRM_SKALD_QUEUE_USER_MODE;
                if (const int error = own.call(DRM_IOCTL_SKALD_QUEUE_CREATE, &args)) {
                    ADD_FAILURE() << std::strerror(error);
                    return;
                }
                ++made;
                EXPECT_EQ(own.queue_destroy(args.queue_id), 0);
            }
        });
    ::sleep(6);  // some looks of the watchdog
    stop = true;
    for (std::thread& maker : makers)
        maker.join();
    EXPECT_GT(made, 10u);
    EXPECT_EQ(old.run(context.load(write_word(0, 1))), 0) << "the card was reset";
}

TEST(Reset, AUserModeQueueIsLostAndItsMappingsStay) {
    const Device device;
    const Context context(device);
    UserQueue queue(context);
    ASSERT_EQ(queue.run(context.load(write_word(1, 1))), 0);
    queue.submit(context.load(announce_and(spin())));
    ASSERT_TRUE(wait_word(context, 0, 1));
    int waited = 0;
    std::thread waiter([&] { waited = wait_for_news(device, queue.id(), 1); });
    flr();
    waiter.join();
    EXPECT_EQ(waited, ENOTRECOVERABLE);
    // No SIGBUS, and nobody hears it.
    queue.ring(3);
    EXPECT_EQ(queue.doorbell().at<std::uint32_t>(0), 3u);
    EXPECT_EQ(wait_for_news(device, queue.id(), 1), ENOTRECOVERABLE);
    EXPECT_EQ(queue.destroy(), 0);
    Context fresh(device);
    UserQueue again(fresh);
    EXPECT_EQ(again.run(fresh.load(write_word(0, 3))), 0);
    EXPECT_EQ(fresh.data(0), 3u);
}

TEST(Reset, DoorbellsMayBeRungInTheMiddleOfMany) {
    for (int round = 0; round < 5; ++round) {
        const Device device;
        const Context context(device);
        UserQueue queue(context);
        const drm_skald_job job = context.load(write_word(0, 1));
        std::thread resetting(flr);
        // Until it is lost.
        int error = 0;
        for (std::uint64_t seq = 1; !error; ++seq) {
            queue.write(UserQueue::entry(job, seq), seq);
            queue.ring(static_cast<std::uint32_t>(seq));
            error = queue.wait(seq);
        }
        resetting.join();
        EXPECT_EQ(error, ENOTRECOVERABLE);
    }
    expect_works();
}

TEST(ModuleUserQueue, AnUnbindLeavesItsMappings) {
    const std::string slot = fs::path(card_sysfs()).filename();
    const std::string driver = "/sys/bus/pci/drivers/skald";
    {
        const Device device;
        const Context context(device);
        UserQueue queue(context);
        queue.submit(context.load(announce_and(spin())));
        ASSERT_TRUE(wait_word(context, 0, 1));
        write_file(driver + "/unbind", slot);
        EXPECT_EQ(wait_for_news(device, queue.id(), 0), ENODEV);
        queue.ring(2);
        queue.write(skald_ring_entry{}, 2);
        EXPECT_EQ(queue.doorbell().at<std::uint32_t>(0), 2u);
    }
    write_file(driver + "/bind", slot);
    ASSERT_TRUE(wait_for_node());
    expect_works();
}

}  // namespace
}  // namespace skald::test
