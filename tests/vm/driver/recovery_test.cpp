// SPDX-License-Identifier: MIT
// What goes wrong stays with whom it belongs to: faults, hangs, killed processes, resets of the
// card.
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/sync_file.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string_view>
#include <thread>
#include <vector>

#include "context.hpp"
#include "skald/fault.h"
#include "skald/ring.h"

namespace skald::test {
namespace {

// The card still takes work.
void expect_works() {
    const Device device;
    Context context(device);
    EXPECT_EQ(context.run(write_word(0, 0x600d)), 0);
    EXPECT_EQ(context.data(0), 0x600du);
}

// Runs body in a process of its own that says when it is ready and then lives until it is killed.
class Process {
  public:
    explicit Process(auto&& body) {
        int ends[2];
        EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        const Fd read_end(ends[0]);
        Fd write_end(ends[1]);
        pid_ = ::fork();
        if (pid_ == 0) {
            try {
                body();
                const char ready = 1;
                if (::write(write_end.get(), &ready, 1) == 1)
                    for (;;)
                        ::pause();
            } catch (...) {
            }
            ::_exit(1);
        }
        write_end.reset();
        char ready = 0;
        EXPECT_EQ(::read(read_end.get(), &ready, 1), 1) << "the process did not get ready";
    }
    ~Process() { kill(); }
    // Also waits until all of its files are closed.
    void kill() {
        if (pid_ <= 0)
            return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }

  private:
    pid_t pid_ = -1;
};

TEST(Fault, BansItsContextAndTellsWhy) {
    const Device device;
    Context context(device);
    ASSERT_EQ(context.run(write_word(0, 1)), 0);
    ASSERT_EQ(context.run(bad_opcode()), 0);

    const drm_skald_vm_query query = device.vm_query(context.vm());
    EXPECT_EQ(query.reason, static_cast<std::uint32_t>(SKALD_FAULT_OPCODE));
    EXPECT_EQ(query.queue_id, context.queue());
    EXPECT_EQ(query.seq, 2u);
    EXPECT_EQ(query.op_index, 1u);
    EXPECT_EQ(query.banned, 1u);
    EXPECT_EQ(context.query().last_status, static_cast<std::uint32_t>(SKALD_JOB_FAULT));

    EXPECT_EQ(context.submit(write_word(0, 2)), ENOTRECOVERABLE);
    std::uint32_t queue;
    EXPECT_EQ(device.queue_create(context.vm(), &queue), ENOTRECOVERABLE);
    drm_skald_wait_progress wait{};
    wait.queue_id = context.queue();
    wait.seen_completed = 2;
    EXPECT_EQ(device.wait_progress(wait, 20000), ENOTRECOVERABLE);
    expect_works();
}

TEST(Fault, TheFirstOneStays) {
    const Device device;
    Context context(device);
    const drm_skald_job jobs[] = {context.load(Program().load(1, kNowhere).end(), 0),
                                  context.load(bad_opcode(), 1)};
    ASSERT_EQ(device.submit(context.queue(), jobs), 0);
    ASSERT_EQ(device.wait_completed(context.queue(), 2), 0);
    const drm_skald_vm_query query = device.vm_query(context.vm());
    EXPECT_EQ(query.reason, static_cast<std::uint32_t>(SKALD_FAULT_UNMAPPED));
    EXPECT_EQ(query.address, kNowhere);
    EXPECT_EQ(query.seq, 1u);
    EXPECT_EQ(context.query().last_status, static_cast<std::uint32_t>(SKALD_JOB_BANNED));
}

TEST(Fault, FencesCarryTheError) {
    const Device device;
    Context context(device);
    const std::uint32_t faulted = device.syncobj(), behind = device.syncobj();
    const drm_skald_sync one = signal_binary(faulted), two = signal_binary(behind);
    ASSERT_EQ(
        context.submit(
            announce_and(Program().wait_semaphore(Context::data_va(9), 1).load(1, kNowhere).end()),
            0, {&one, 1}),
        0);
    ASSERT_EQ(context.submit(write_word(1, 1), 1, {&two, 1}), 0);
    context.data(9) = 1;
    EXPECT_EQ(device.syncobj_wait(behind, 20000), 0);
    EXPECT_EQ(device.syncobj_error(faulted), EIO);
    EXPECT_EQ(device.syncobj_error(behind), EIO);
    EXPECT_EQ(context.data(1), 0u);
}

TEST(Fault, AnotherQueueOfTheContextIsBannedToo) {
    const Device device;
    Context context(device);
    std::uint32_t other;
    ASSERT_EQ(device.queue_create(context.vm(), &other), 0);
    ASSERT_EQ(context.run(bad_opcode()), 0);
    const drm_skald_job job = context.load(write_word(0, 1), 1);
    EXPECT_EQ(device.submit(other, {&job, 1}), ENOTRECOVERABLE);
}

TEST(Fault, AGoodJobBesideABadOneDoesNotNotice) {
    const Device device;
    Context good(device), bad(device);
    // The good one runs over the whole time of the bad one.
    ASSERT_EQ(good.submit(announce_and(Program()
                                           .wait_semaphore(Context::data_va(9), 1)
                                           .set(2, 42)
                                           .store(Context::data_va(1), 2)
                                           .end())),
              0);
    ASSERT_TRUE(wait_word(good, 0, 1));
    ASSERT_EQ(bad.run(bad_opcode()), 0);
    EXPECT_EQ(device.vm_query(bad.vm()).banned, 1u);
    good.data(9) = 1;
    ASSERT_EQ(device.wait_completed(good.queue(), 1), 0);
    EXPECT_EQ(good.data(1), 42u);
    EXPECT_EQ(device.vm_query(good.vm()).banned, 0u);
}

TEST(Fault, ADestroyedContextLeavesNoTraceOfIt) {
    const Device device;
    std::uint32_t ctx = 0;
    {
        Context context(device);
        ASSERT_EQ(context.run(bad_opcode()), 0);
        ASSERT_EQ(device.queue_destroy(context.queue()), 0);
        ASSERT_EQ(device.vm_destroy(context.vm()), 0);
        ctx = context.vm();
    }
    Context context(device);
    EXPECT_NE(ctx, 0u);
    EXPECT_EQ(device.vm_query(context.vm()).banned, 0u);
    EXPECT_EQ(context.run(write_word(0, 1)), 0);
    EXPECT_EQ(context.data(0), 1u);
}

TEST(Watchdog, KillsAJobThatMakesNoProgress) {
    const Device device;
    Context context(device);
    const std::uint32_t done = device.syncobj();
    const drm_skald_sync sync = signal_binary(done);
    const std::int64_t start = monotonic_ns();
    ASSERT_EQ(context.submit(hang(), 0, {&sync, 1}), 0);
    ASSERT_EQ(device.syncobj_wait(done, 60000), 0);
    EXPECT_GE(monotonic_ns() - start, 2000000000) << "too soon to know";
    EXPECT_EQ(device.syncobj_error(done), ETIME);
    const drm_skald_vm_query query = device.vm_query(context.vm());
    EXPECT_EQ(query.reason, static_cast<std::uint32_t>(SKALD_FAULT_WATCHDOG));
    EXPECT_EQ(query.queue_id, context.queue());
    EXPECT_EQ(query.seq, 1u);
    EXPECT_EQ(query.banned, 1u);
    EXPECT_EQ(context.submit(write_word(0, 1), 1), ENOTRECOVERABLE);
    expect_works();
}

TEST(Watchdog, LeavesAloneWhoGotTheNumberOfAHangingContext) {
    const Device device;
    for (int round = 0; round < 2; ++round) {
        {
            const Context hanging(device);
            ASSERT_EQ(hanging.submit(hang()), 0);
            // Twice seen without progress, not yet three times.
            ::usleep(2200000);
            ASSERT_EQ(device.queue_destroy(hanging.queue()), 0);
            ASSERT_EQ(device.vm_destroy(hanging.vm()), 0);
        }
        // The lowest free numbers: the same ones.
        const Context next(device);
        ASSERT_EQ(next.submit(announce_and(spin())), 0);
        ASSERT_TRUE(wait_word(next, 0, 1));
        ::usleep(3500000);
        EXPECT_EQ(device.vm_query(next.vm()).banned, 0u);
        EXPECT_EQ(device.vm_query(next.vm()).reason, 0u);
        ASSERT_EQ(device.queue_destroy(next.queue()), 0);
        ASSERT_EQ(device.vm_destroy(next.vm()), 0);
    }
}

TEST(Watchdog, FindsAHangingJobBesideABusyOne) {
    const Device device;
    Context busy(device), hanging(device);
    ASSERT_EQ(busy.submit(announce_and(spin())), 0);
    ASSERT_TRUE(wait_word(busy, 0, 1));
    ASSERT_EQ(hanging.submit(hang()), 0);
    ASSERT_EQ(device.wait_completed(hanging.queue(), 1, 60000), 0);
    EXPECT_EQ(device.vm_query(hanging.vm()).reason,
              static_cast<std::uint32_t>(SKALD_FAULT_WATCHDOG));
    EXPECT_EQ(device.vm_query(busy.vm()).banned, 0u);
    EXPECT_EQ(busy.query().completed, 0u);
}

TEST(Watchdog, AJobWhoseDoorbellWasLostRunsAfterAll) {
    const Device device;
    Context context(device);
    const drm_skald_job job = context.load(write_word(0, 0x600d));
    {
        const CommandOff off(PCI_COMMAND_MEMORY);
        ASSERT_EQ(device.submit(context.queue(), {&job, 1}), 0);
    }
    ASSERT_EQ(device.wait_completed(context.queue(), 1, 60000), 0);
    EXPECT_EQ(context.query().last_status, static_cast<std::uint32_t>(SKALD_JOB_DONE));
    EXPECT_EQ(context.data(0), 0x600du);
}

TEST(Watchdog, ACompletionThatWasLostEndsItsJobWithEio) {
    const Device device;
    Context context(device);
    const std::uint32_t done = device.syncobj();
    const drm_skald_sync sync = signal_binary(done);
    ASSERT_EQ(context.submit(announce_and(Program().wait_semaphore(Context::data_va(9), 1).end()),
                             0, {&sync, 1}),
              0);
    ASSERT_TRUE(wait_word(context, 0, 1));
    {
        const CommandOff off(PCI_COMMAND_MASTER);
        context.data(9) = 1;
        ASSERT_EQ(device.syncobj_wait(done, 100000), 0);
    }
    EXPECT_EQ(device.syncobj_error(done), EIO);
    EXPECT_EQ(context.submit(write_word(0, 1), 1), ENOTRECOVERABLE);
    expect_works();
}

TEST(Watchdog, ACardThatFellOffTheBusInMidJobEndsItWithEio) {
    const Device device;
    Context context(device);
    const std::uint32_t done = device.syncobj();
    const drm_skald_sync sync = signal_binary(done);
    ASSERT_EQ(context.submit(announce_and(spin()), 0, {&sync, 1}), 0);
    ASSERT_TRUE(wait_word(context, 0, 1));
    {
        const CommandOff off(PCI_COMMAND_MEMORY);
        ASSERT_EQ(device.syncobj_wait(done, 100000), 0);
    }
    EXPECT_EQ(device.syncobj_error(done), EIO);
    write_file(card_sysfs() + "/reset", "1");
    expect_works();
}

TEST(Watchdog, LeavesJobsThatTakeTurnsAlone) {
    const Device device;
    Context one(device), two(device);
    const Program program = Program().budget(2).jump(0).end(isa::EndStatus::Continue);
    for (const Context* context : {&one, &two}) {
        drm_skald_job job = context->load(program);
        job.time_budget_ns = 3000000000;
        ASSERT_EQ(device.submit(context->queue(), {&job, 1}), 0);
    }
    for (const Context* context : {&one, &two}) {
        ASSERT_EQ(device.wait_completed(context->queue(), 1, 60000), 0);
        EXPECT_EQ(device.vm_query(context->vm()).banned, 0u);
    }
}

TEST(Watchdog, LeavesALongJobWithProgressAlone) {
    const Device device;
    Context context(device);
    const Program program = Program().budget(2).jump(0).end(isa::EndStatus::Continue);
    drm_skald_job job = context.load(program);
    job.time_budget_ns = 6000000000;
    ASSERT_EQ(device.submit(context.queue(), {&job, 1}), 0);
    ASSERT_EQ(device.wait_completed(context.queue(), 1, 60000), 0);
    EXPECT_EQ(context.query().last_status, static_cast<std::uint32_t>(SKALD_JOB_CONTINUE));
    EXPECT_EQ(device.vm_query(context.vm()).banned, 0u);
}

TEST(Kill, DestroyingAQueueEndsItsJobsWithEcanceled) {
    const Device device;
    Context context(device);
    const std::uint32_t first = device.syncobj(), second = device.syncobj();
    const drm_skald_sync one = signal_binary(first), two = signal_binary(second);
    ASSERT_EQ(context.submit(announce_and(spin()), 0, {&one, 1}), 0);
    ASSERT_EQ(context.submit(write_word(1, 1), 1, {&two, 1}), 0);
    ASSERT_TRUE(wait_word(context, 0, 1));
    ASSERT_EQ(device.queue_destroy(context.queue()), 0);
    EXPECT_EQ(device.syncobj_wait(second, 20000), 0);
    EXPECT_EQ(device.syncobj_error(first), ECANCELED);
    EXPECT_EQ(device.syncobj_error(second), ECANCELED);
    EXPECT_EQ(context.data(1), 0u);
    // The address space is not to blame.
    std::uint32_t queue;
    EXPECT_EQ(device.vm_query(context.vm()).banned, 0u);
    EXPECT_EQ(device.queue_create(context.vm(), &queue), 0);
}

TEST(Kill, AJobThatWaitsForAFenceIsCancelledWhenItsTurnComes) {
    const Device device;
    Context blocker(device), victim(device);
    const std::uint32_t gate = device.syncobj(), done = device.syncobj();
    const drm_skald_sync open = signal_binary(gate);
    ASSERT_EQ(blocker.submit(Program().wait_semaphore(Context::data_va(9), 1).end(), 0, {&open, 1}),
              0);
    const drm_skald_sync syncs[] = {wait_binary(gate), signal_binary(done)};
    ASSERT_EQ(victim.submit(write_word(0, 1), 0, syncs), 0);
    ASSERT_EQ(device.queue_destroy(victim.queue()), 0);
    blocker.data(9) = 1;
    EXPECT_EQ(device.syncobj_wait(done, 20000), 0);
    EXPECT_EQ(device.syncobj_error(done), ECANCELED);
    EXPECT_EQ(victim.data(0), 0u);
}

TEST(Kill, FencesOutliveTheirFile) {
    std::vector<Fd> files;
    {
        const Device device;
        Context context(device);
        const std::uint32_t ran = device.syncobj(), refused = device.syncobj(),
                            bound = device.syncobj();
        const drm_skald_sync one = signal_binary(ran), three = signal_binary(bound);
        const drm_skald_sync two[] = {wait_binary(ran), signal_binary(refused)};
        // The second one's turn comes when the first has banned the context: it never runs.
        const Program fault =
            Program().wait_semaphore(Context::data_va(9), 1).load(1, kNowhere).end();
        ASSERT_EQ(context.submit(fault, 0, {&one, 1}), 0);
        ASSERT_EQ(context.submit(write_word(0, 1), 1, two), 0);
        context.data(9) = 1;
        ASSERT_EQ(device.syncobj_wait(refused, 20000), 0);
        const drm_skald_bind_op op{DRM_SKALD_BIND_UNMAP, 0, 0, 0x400000, kBig};
        ASSERT_EQ(device.bind(context.vm(), {&op, 1}, DRM_SKALD_VM_BIND_ASYNC, {&three, 1}), 0);
        for (const std::uint32_t syncobj : {ran, refused, bound})
            files.push_back(device.sync_file(syncobj));
    }
    // Names and errors are still there, whatever has become of queue and address space. Linux 7
    // gives all fences that have signalled one name.
    expect_works();
    for (const Fd& file : files) {
        sync_fence_info fence{};
        sync_file_info info{};
        info.num_fences = 1;
        info.sync_fence_info = reinterpret_cast<std::uint64_t>(&fence);
        ASSERT_EQ(::ioctl(file.get(), SYNC_IOC_FILE_INFO, &info), 0);
        const std::string_view name = fence.obj_name;
        EXPECT_TRUE(name.starts_with("skald-") || name == "signaled-timeline") << name;
        EXPECT_NE(info.status, 0);
    }
}

TEST(Kill, ClosingTheFileWithJobsInFlightFreesAll) {
    const Device watcher;
    const drm_skald_query_usage before = watcher.settled_usage();
    {
        const Device device;
        Context context(device);
        ASSERT_EQ(context.submit(announce_and(spin())), 0);
        for (unsigned slot = 1; slot < 8; ++slot)
            ASSERT_EQ(context.submit(write_word(slot, 1), slot), 0);
        ASSERT_TRUE(wait_word(context, 0, 1));
    }
    // The last references go in the background.
    const std::int64_t deadline = monotonic_ns() + 5000000000;
    drm_skald_query_usage after = watcher.usage();
    while ((after.vms != before.vms || after.queues != before.queues ||
            after.mem_used > before.mem_used) &&
           monotonic_ns() < deadline)
        after = watcher.usage();
    EXPECT_EQ(after.vms, before.vms);
    EXPECT_EQ(after.queues, before.queues);
    EXPECT_LE(after.mem_used, before.mem_used);
    expect_works();
}

TEST(Kill, Signal9InMidJobFreesAll) {
    const Device watcher;
    const drm_skald_query_usage before = watcher.settled_usage();
    for (int round = 0; round < 5; ++round) {
        Process victim([] {
            // Never destroyed: the kernel has to do it.
            const auto* device = new Device;
            const auto* context = new Context(*device);
            if (context->submit(announce_and(spin())) || !wait_word(*context, 0, 1))
                throw std::runtime_error("no job");
        });
        victim.kill();
        expect_works();
    }
    const std::int64_t deadline = monotonic_ns() + 5000000000;
    drm_skald_query_usage after = watcher.usage();
    while (after.mem_used > before.mem_used && monotonic_ns() < deadline)
        after = watcher.usage();
    EXPECT_LE(after.mem_used, before.mem_used);
    EXPECT_EQ(after.clients, before.clients);
}

TEST(Kill, Signal9OfAProcessThatWaits) {
    Process victim([] {
        const auto* device = new Device;
        const auto* context = new Context(*device);
        if (context->submit(announce_and(spin())) || !wait_word(*context, 0, 1))
            throw std::runtime_error("no job");
        new std::thread(
            [device, context] { device->wait_completed(context->queue(), 1, 1000000); });
    });
    victim.kill();
    expect_works();
}

TEST(Processes, TwoAtOnceKeepApart) {
    constexpr int kRounds = 50;
    const auto work = [](std::uint64_t mark) {
        const Device device;
        Context context(device);
        for (std::uint64_t i = 0; i < kRounds; ++i) {
            if (context.run(write_word(0, mark + i)) != 0 || context.data(0) != mark + i)
                return 1;
        }
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

// ---- Resets of the card ----

void flr() {
    write_file(card_sysfs() + "/reset", "1");
}

TEST(Reset, FunctionLevelResetWhileIdle) {
    const Device device;
    const std::uint32_t resets = device.firmware().resets;
    flr();
    EXPECT_EQ(device.firmware().resets, resets + 1);
    expect_works();
}

TEST(Reset, FunctionLevelResetInMidJobLosesContextsAndNothingElse) {
    const Device device;
    Context context(device);
    const std::uint32_t running = device.syncobj(), queued = device.syncobj();
    const drm_skald_sync one = signal_binary(running), two = signal_binary(queued);
    ASSERT_EQ(context.submit(announce_and(spin()), 0, {&one, 1}), 0);
    ASSERT_EQ(context.submit(write_word(1, 1), 1, {&two, 1}), 0);
    ASSERT_TRUE(wait_word(context, 0, 1));
    flr();
    EXPECT_EQ(device.syncobj_wait(queued, 20000), 0);
    EXPECT_EQ(device.syncobj_error(running), EIO);
    EXPECT_EQ(device.syncobj_error(queued), EIO);

    const drm_skald_vm_query query = device.vm_query(context.vm());
    EXPECT_EQ(query.banned, 1u);
    EXPECT_EQ(query.reason, 0u);
    EXPECT_EQ(context.submit(write_word(1, 1), 1), ENOTRECOVERABLE);
    drm_skald_wait_progress wait{};
    wait.queue_id = context.queue();
    wait.seen_completed = 2;
    EXPECT_EQ(device.wait_progress(wait, 20000), ENOTRECOVERABLE);
    // What was on the card can be given back, and a new one made in the same file.
    EXPECT_EQ(device.unmap_va(context.vm(), kBase, kBig), 0);
    EXPECT_EQ(device.queue_destroy(context.queue()), 0);
    EXPECT_EQ(device.vm_destroy(context.vm()), 0);
    Context fresh(device);
    EXPECT_EQ(fresh.run(write_word(0, 1)), 0);
    EXPECT_EQ(fresh.data(0), 1u);
}

TEST(Reset, CardMemoryKeepsItsContent) {
    const Device device;
    std::uint32_t handle;
    ASSERT_EQ(device.bo_create(kBig, DRM_SKALD_BO_CARD, &handle), 0);
    const Mapping map = device.map(handle, kBig);
    map.at<std::uint64_t>(4096) = 0x1234;
    flr();
    EXPECT_EQ(map.at<std::uint64_t>(4096), 0x1234u);
}

TEST(Reset, FencesOfAQueueSignalInOrderThoughItRefusesJobs) {
    // On each queue a job that never ends, and behind it one job after the other, until the reset
    // is noticed: some come too late for the card and too early to be refused by SUBMIT.
    constexpr std::size_t kQueues = 16, kJobs = 31;
    for (int round = 0; round < 8; ++round) {
        const Device device;
        const Context context(device);
        std::vector<std::uint32_t> queues(kQueues);
        std::vector<std::vector<std::uint32_t>> fences(kQueues);
        const drm_skald_job held = context.load(hang(), 0),
                            quick = context.load(write_word(0, 1), 1);
        const auto submit = [&](std::size_t n, const drm_skald_job& job) {
            const std::uint32_t fence = device.syncobj();
            const drm_skald_sync sync = signal_binary(fence);
            const int error = device.submit(queues[n], {&job, 1}, {&sync, 1});
            if (!error)
                fences[n].push_back(fence);
            return error;
        };
        for (std::size_t n = 0; n < kQueues; ++n) {
            ASSERT_EQ(device.queue_create(context.vm(), &queues[n]), 0);
            ASSERT_EQ(submit(n, held), 0);
        }
        std::thread resetting(flr);
        bool open = true;
        for (std::size_t job = 1; job < kJobs && open; ++job)
            for (std::size_t n = 0; n < kQueues && open; ++n)
                open = submit(n, quick) == 0;
        resetting.join();
        for (const auto& of_queue : fences) {
            std::uint64_t before = 0;
            for (const std::uint32_t fence : of_queue) {
                ASSERT_EQ(device.syncobj_wait(fence, 20000), 0);
                const std::uint64_t when = device.syncobj_signalled_ns(fence);
                EXPECT_GE(when, before);
                before = when;
            }
        }
        for (const auto& of_queue : fences)
            for (const std::uint32_t fence : of_queue)
                EXPECT_EQ(device.syncobj_error(fence), EIO);
        ASSERT_FALSE(HasFailure()) << round;
    }
}

TEST(Reset, QueriesNeverLookAtACardThatIsBeingReset) {
    const Device device;
    const auto card = std::filesystem::path(card_sysfs()).filename().string();
    const std::string status = "/sys/kernel/debug/accel/" + card + "/status";
    std::atomic<int> queries = 0, bad = 0;
    {
        // Without decoding, and while the card resets, registers read as ones or as zeros.
        const std::jthread firmware([&](const std::stop_token& stop) {
            for (; !stop.stop_requested(); ++queries)
                bad += device.firmware().heartbeat == ~0u;
        });
        const std::jthread clock([&](const std::stop_token& stop) {
            for (; !stop.stop_requested(); ++queries) {
                drm_skald_query_clock now{};
                bad += device.query(DRM_SKALD_QUERY_CLOCK, &now, sizeof(now)) != 0 ||
                       now.card_ns == 0 || now.card_ns >> 32 == ~0u;
            }
        });
        const std::jthread debugfs([&](const std::stop_token& stop) {
            for (; !stop.stop_requested(); ++queries)
                bad += read_file(status).find("state: 3\n") == std::string::npos;
        });
        for (int i = 0; i < 3; ++i)
            flr();
    }
    EXPECT_EQ(bad, 0) << "of " << queries;
    EXPECT_GT(queries, 0);
}

TEST(Reset, WritesToCardMemoryInTheMiddleOfAResetAreNotLost) {
    const Device device;
    std::uint32_t handle;
    ASSERT_EQ(device.bo_create(kBig, DRM_SKALD_BO_CARD, &handle), 0);
    const Mapping map = device.map(handle, kBig);
    std::atomic<int> lost = 0;
    std::atomic<std::uint64_t> written = 0;
    {
        const std::jthread writer([&](const std::stop_token& stop) {
            for (std::uint64_t i = 1; !stop.stop_requested(); ++i) {
                volatile std::uint64_t& word = map.at<std::uint64_t>(i * 8 % kBig);
                word = i;
                lost += word != i;
                written = i;
            }
        });
        for (int i = 0; i < 3; ++i)
            flr();
    }
    EXPECT_EQ(lost, 0) << "of " << written;
    EXPECT_GT(written, 0u);
}

TEST(Reset, AWaiterIsToldDuringAReset) {
    const Device device;
    Context context(device);
    ASSERT_EQ(context.submit(announce_and(spin())), 0);
    ASSERT_TRUE(wait_word(context, 0, 1));
    int error = -1;
    std::thread waiter([&] { error = device.wait_completed(context.queue(), 2, 60000); });
    flr();
    waiter.join();
    EXPECT_EQ(error, ENOTRECOVERABLE);
}

TEST(Reset, ManyInARowUnderLoad) {
    Process load([] {
        // Starts over whenever its context is lost.
        new std::thread([] {
            for (;;) {
                const Device device;
                try {
                    Context context(device);
                    while (context.run(write_word(0, 1)) == 0)
                        continue;
                } catch (const std::runtime_error&) {
                }
            }
        });
    });
    for (int i = 0; i < 10; ++i) {
        flr();
        expect_works();
    }
}

TEST(Reset, ABufferWhoseClearingGetsNoAnswerIsGivenBackOnce) {
    const Device device;
    const std::uint64_t used = device.settled_usage().mem_used;
    for (int round = 0; round < 2; ++round) {
        std::uint32_t handle = 0;
        {
            const CommandOff off(PCI_COMMAND_MEMORY);
            EXPECT_EQ(device.bo_create(4 * kBig, DRM_SKALD_BO_CARD, &handle), EIO);
        }
        write_file(card_sysfs() + "/reset", "1");
        EXPECT_EQ(device.usage().mem_used, used);
        ASSERT_EQ(device.bo_create(4 * kBig, DRM_SKALD_BO_CARD, &handle), 0);
        const Mapping map = device.map(handle, 4 * kBig);
        for (std::size_t at = 0; at < 4 * kBig; at += 4096)
            ASSERT_EQ(map.at<std::uint64_t>(at), 0u);
        EXPECT_EQ(device.bo_close(handle), 0);
        expect_works();
    }
}

}  // namespace
}  // namespace skald::test
