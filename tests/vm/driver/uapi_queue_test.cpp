// SPDX-License-Identifier: MIT
// Queues, SUBMIT with syncobjs, QUEUE_QUERY, WAIT_PROGRESS and eventfd.
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <memory>
#include <thread>
#include <vector>

#include "context.hpp"
#include "skald/fault.h"
#include "skald/ring.h"

namespace skald::test {
namespace {

class UapiQueue : public testing::Test {
  protected:
    int create(auto&& change, std::uint32_t* id = nullptr) {
        drm_skald_queue_create args{};
        args.vm_id = context_.vm();
        args.eventfd = -1;
        change(args);
        const int error = device_.call(DRM_IOCTL_SKALD_QUEUE_CREATE, &args);
        if (id)
            *id = args.queue_id;
        return error;
    }
    Device device_;
    Context context_{device_};
};

TEST_F(UapiQueue, RejectsBadArguments) {
    EXPECT_EQ(create([](auto& a) { a.flags = 4; }), EINVAL);
    EXPECT_EQ(create([](auto& a) { a.priority = 3; }), EINVAL);
    EXPECT_EQ(create([](auto& a) { a.scratch_size = 100; }), EINVAL);
    EXPECT_EQ(create([](auto& a) { a.scratch_size = 0x80000000; }), EINVAL);
    EXPECT_EQ(create([](auto& a) { a.max_job_ms = DRM_SKALD_JOB_MS_MAX + 1; }), EINVAL);
    EXPECT_EQ(create([](auto& a) { a.pad = 1; }), EINVAL);
    EXPECT_EQ(create([](auto& a) { a.vm_id = 99; }), ENOENT);
    EXPECT_EQ(create([](auto& a) { a.eventfd = 999; }), EBADF);
    EXPECT_EQ(create([](auto& a) { a.eventfd = -2; }), EBADF);
    EXPECT_EQ(create([this](auto& a) { a.eventfd = device_.fd(); }), EBADF);
}

TEST_F(UapiQueue, AcceptsEveryPriorityAndTheLargestScratch) {
    const std::uint32_t scratch = device_.info().scratch_max;
    for (const std::uint32_t priority :
         {DRM_SKALD_PRIORITY_NORMAL, DRM_SKALD_PRIORITY_LOW, DRM_SKALD_PRIORITY_HIGH})
        EXPECT_EQ(create([&](auto& a) { a.priority = priority, a.scratch_size = scratch; }), 0);
    EXPECT_EQ(create([](auto& a) { a.scratch_size = 0; }), 0);
}

TEST_F(UapiQueue, HighPriorityNeedsCapSysNice) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        int status = 1;
        if (::setgid(1000) == 0 && ::setuid(1000) == 0)
            status =
                create([](auto& a) { a.priority = DRM_SKALD_PRIORITY_HIGH; }) == EACCES ? 0 : 2;
        ::_exit(status);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

TEST_F(UapiQueue, AFileHasSixtyFourAtMostAndTheCard256) {
    std::uint32_t queue = 0;
    std::vector<std::uint32_t> queues(DRM_SKALD_FILE_QUEUES_MAX - 1);  // and the context's own
    for (std::uint32_t& id : queues)
        ASSERT_EQ(device_.queue_create(context_.vm(), &id), 0);
    EXPECT_EQ(device_.queue_create(context_.vm(), &queue), EUSERS);

    std::vector<std::unique_ptr<Device>> others;
    std::uint32_t vm = 0;
    for (int i = 0; i < 3; ++i) {
        others.push_back(std::make_unique<Device>());
        ASSERT_EQ(others.back()->vm_create(&vm), 0);
        for (int n = 0; n < DRM_SKALD_FILE_QUEUES_MAX; ++n)
            ASSERT_EQ(others.back()->queue_create(vm, &queue), 0);
    }
    const Device late;
    ASSERT_EQ(late.vm_create(&vm), 0);
    EXPECT_EQ(late.queue_create(vm, &queue), EUSERS);
    ASSERT_EQ(device_.queue_destroy(queues[50]), 0);
    EXPECT_EQ(late.queue_create(vm, &queue), 0);
    EXPECT_EQ(device_.queue_create(context_.vm(), &queue), EUSERS);
}

TEST_F(UapiQueue, DestroyRejectsPaddingAndUnknownIds) {
    drm_skald_queue_destroy args{context_.queue(), 1};
    EXPECT_EQ(device_.call(DRM_IOCTL_SKALD_QUEUE_DESTROY, &args), EINVAL);
    EXPECT_EQ(device_.queue_destroy(77), ENOENT);
    EXPECT_EQ(device_.queue_destroy(context_.queue()), 0);
    EXPECT_EQ(device_.queue_destroy(context_.queue()), ENOENT);
}

TEST_F(UapiQueue, QueryCountsEndedJobs) {
    drm_skald_queue_query before = context_.query();
    EXPECT_EQ(before.submitted, 0u);
    EXPECT_EQ(before.last_status, static_cast<std::uint32_t>(SKALD_JOB_NONE));
    ASSERT_EQ(context_.run(write_word(0, 9)), 0);
    const drm_skald_queue_query after = context_.query();
    EXPECT_EQ(after.submitted, 1u);
    EXPECT_EQ(after.completed, 1u);
    EXPECT_EQ(after.micro_ops, 3u);
    EXPECT_EQ(after.cycles, 0u) << "no micro-op with work ran";
    EXPECT_EQ(after.last_status, static_cast<std::uint32_t>(SKALD_JOB_DONE));
    drm_skald_queue_query unknown{};
    unknown.queue_id = 55;
    EXPECT_EQ(device_.call(DRM_IOCTL_SKALD_QUEUE_QUERY, &unknown), ENOENT);
}

TEST_F(UapiQueue, AJobSeesTheQueuesScratch) {
    ASSERT_EQ(context_.run(Program().set(1, 3).store(0x7f0000000000 + 65528, 1).end()), 0);
    EXPECT_EQ(device_.vm_query(context_.vm()).reason, 0u);
    ASSERT_EQ(context_.run(Program().set(1, 3).store(0x7f0000000000 + 65536, 1).end()), 0);
    EXPECT_EQ(device_.vm_query(context_.vm()).reason,
              static_cast<std::uint32_t>(SKALD_FAULT_SCRATCH));
}

// ---- SUBMIT ----

using UapiSubmit = UapiQueue;

TEST_F(UapiSubmit, RejectsBadJobs) {
    const drm_skald_job good = context_.load(write_word(0, 1));
    const auto with = [&](auto&& change) {
        drm_skald_job job = good;
        change(job);
        return device_.submit(context_.queue(), {&job, 1});
    };
    EXPECT_EQ(with([](auto& j) { j.flags = 2; }), EINVAL);
    EXPECT_EQ(with([](auto& j) { j.flags = DRM_SKALD_JOB_PROFILE_MODEL; }), EINVAL)
        << "there is no profile";
    EXPECT_EQ(with([](auto& j) { j.program_va += 8; }), EINVAL);
    EXPECT_EQ(with([](auto& j) { j.args_va += 8; }), EINVAL);
    EXPECT_EQ(with([](auto& j) { j.profile_va = 8; }), EINVAL);
    EXPECT_EQ(with([](auto& j) { j.program_ops = 0; }), EINVAL);
    EXPECT_EQ(with([](auto& j) { j.program_ops = 65537; }), EINVAL);
    EXPECT_EQ(with([](auto&) {}), 0);
    EXPECT_EQ(device_.wait_completed(context_.queue(), 1), 0);
}

TEST_F(UapiSubmit, RejectsBadCalls) {
    const drm_skald_job job = context_.load(write_word(0, 1));
    EXPECT_EQ(device_.submit(context_.queue(), {}), EINVAL);
    EXPECT_EQ(device_.submit(99, {&job, 1}), ENOENT);
    const std::vector<drm_skald_job> many(65, job);
    EXPECT_EQ(device_.submit(context_.queue(), many), EINVAL);
    drm_skald_submit args{context_.queue(), 1, array_of(std::span(&job, 1)), {}};
    EXPECT_EQ(device_.call(DRM_IOCTL_SKALD_SUBMIT, &args), EINVAL);
    args = {context_.queue(), 0, {sizeof(job), 1, 16}, {}};
    EXPECT_EQ(device_.call(DRM_IOCTL_SKALD_SUBMIT, &args), EFAULT);
    EXPECT_EQ(context_.query().submitted, 0u);
}

TEST_F(UapiSubmit, RejectsBadSyncs) {
    const std::uint32_t syncobj = device_.syncobj();
    const auto with = [&](drm_skald_sync sync) {
        return context_.submit(write_word(0, 1), 0, {&sync, 1});
    };
    EXPECT_EQ(with({2, syncobj, 0}), EINVAL);
    EXPECT_EQ(with({0x100, syncobj, 0}), EINVAL);
    EXPECT_EQ(with({DRM_SKALD_SYNC_SYNCOBJ, syncobj, 1}), EINVAL);
    EXPECT_EQ(with(signal_point(syncobj, 0)), EINVAL);
    EXPECT_EQ(with(wait_binary(syncobj)), EINVAL);  // no fence in it
    EXPECT_EQ(with(wait_binary(syncobj + 50)), ENOENT);
    EXPECT_EQ(with(signal_binary(syncobj + 50)), ENOENT);
    EXPECT_EQ(context_.query().submitted, 0u);
}

TEST_F(UapiSubmit, SixtyFourJobsRunInOrderThroughARingOfThirtyTwo) {
    std::vector<drm_skald_job> jobs;
    // Each job adds one to a word, in a program of its own argument block.
    const Program add = [] {
        isa::MicroOp op;
        op.opcode = static_cast<std::uint8_t>(isa::Opcode::Alu);
        op.aux = static_cast<std::uint8_t>(isa::AluOp::Add);
        op.flags = isa::kFlagImm;
        op.rd = op.ra = 1;
        op.imm = 1;
        return Program().load(1, Context::data_va(0)).raw(op).store(Context::data_va(0), 1).end();
    }();
    for (int i = 0; i < 64; ++i)
        jobs.push_back(context_.load(add));
    for (std::uint64_t round = 1; round <= 4; ++round) {
        ASSERT_EQ(device_.submit(context_.queue(), jobs), 0);
        ASSERT_EQ(device_.wait_completed(context_.queue(), 64 * round), 0);
        EXPECT_EQ(context_.data(0), 64 * round);
    }
}

TEST_F(UapiSubmit, AQueueHoldsOnly1024JobsThatHaveNotEnded) {
    // Looks at a word until it is set: a job with progress, however long 1,024 jobs take to submit.
    isa::MicroOp again;
    again.opcode = static_cast<std::uint8_t>(isa::Opcode::Branch);
    again.aux = static_cast<std::uint8_t>(isa::Condition::Equal);
    again.flags = isa::kFlagImm;
    again.ra = 1;
    const Program held = Program().load(1, Context::data_va(9)).raw(again).end();
    ASSERT_EQ(context_.submit(held), 0);
    const std::vector<drm_skald_job> jobs(64, context_.load(write_word(0, 1), 1));
    std::uint64_t submitted = 1;
    int error = 0;
    while (!error && submitted <= 2 * DRM_SKALD_QUEUE_JOBS_MAX)
        if (error = device_.submit(context_.queue(), jobs); !error)
            submitted += jobs.size();
    EXPECT_EQ(error, EBUSY);
    const std::size_t room = DRM_SKALD_QUEUE_JOBS_MAX - submitted;
    EXPECT_EQ(room, 63u);
    EXPECT_EQ(device_.submit(context_.queue(), std::span(jobs).first(room)), 0);
    EXPECT_EQ(device_.submit(context_.queue(), std::span(jobs).first(1)), EBUSY);
    EXPECT_EQ(context_.query().submitted, DRM_SKALD_QUEUE_JOBS_MAX);
    context_.data(9) = 1;
    ASSERT_EQ(device_.wait_completed(context_.queue(), DRM_SKALD_QUEUE_JOBS_MAX), 0);
    EXPECT_EQ(device_.submit(context_.queue(), jobs), 0);
}

TEST_F(UapiSubmit, BinarySyncobjInAndOut) {
    const std::uint32_t first = device_.syncobj(), second = device_.syncobj();
    const drm_skald_sync one[] = {signal_binary(first)};
    const drm_skald_sync two[] = {wait_binary(first), signal_binary(second)};
    ASSERT_EQ(context_.submit(write_word(0, 5), 0, one), 0);
    ASSERT_EQ(
        context_.submit(Program().load(1, Context::data_va(0)).store(Context::data_va(1), 1).end(),
                        1, two),
        0);
    EXPECT_EQ(device_.syncobj_wait(second, 20000), 0);
    EXPECT_EQ(context_.data(1), 5u);
    EXPECT_EQ(device_.syncobj_error(second), 0);
}

TEST_F(UapiSubmit, TimelineSyncobjInAndOut) {
    const std::uint32_t timeline = device_.syncobj();
    std::uint32_t other;
    ASSERT_EQ(device_.queue_create(context_.vm(), &other), 0);
    const drm_skald_sync one[] = {signal_point(timeline, 10)};
    const drm_skald_sync two[] = {wait_point(timeline, 10), signal_point(timeline, 20)};
    const drm_skald_job second = context_.load(
        Program().load(1, Context::data_va(0)).store(Context::data_va(1), 1).end(), 1);
    ASSERT_EQ(context_.submit(write_word(0, 6), 0, one), 0);
    ASSERT_EQ(device_.submit(other, {&second, 1}, two), 0);
    EXPECT_EQ(device_.syncobj_wait(timeline, 20000, 20), 0);
    EXPECT_EQ(context_.data(1), 6u);
}

TEST_F(UapiSubmit, AWaitHoldsTheJobUntilTheFenceSignals) {
    // The other queue's job signals when the semaphore opens.
    std::uint32_t other;
    ASSERT_EQ(device_.queue_create(context_.vm(), &other), 0);
    const std::uint32_t gate = device_.syncobj(), done = device_.syncobj();
    const drm_skald_job blocker =
        context_.load(Program().wait_semaphore(Context::data_va(9), 1).end(), 2);
    const drm_skald_sync open = signal_binary(gate);
    ASSERT_EQ(device_.submit(other, {&blocker, 1}, {&open, 1}), 0);
    const drm_skald_sync syncs[] = {wait_binary(gate), signal_binary(done)};
    ASSERT_EQ(context_.submit(write_word(0, 3), 0, syncs), 0);
    EXPECT_EQ(device_.syncobj_wait(done, 100), ETIME);
    EXPECT_EQ(context_.data(0), 0u);
    context_.data(9) = 1;
    EXPECT_EQ(device_.syncobj_wait(done, 20000), 0);
    EXPECT_EQ(context_.data(0), 3u);
}

TEST_F(UapiSubmit, TheTimeBudgetEndsAJobWithContinue) {
    const Program program = Program().budget(2).jump(0).end(isa::EndStatus::Continue);
    drm_skald_job job = context_.load(program);
    job.time_budget_ns = 20000000;
    ASSERT_EQ(device_.submit(context_.queue(), {&job, 1}), 0);
    ASSERT_EQ(device_.wait_completed(context_.queue(), 1), 0);
    EXPECT_EQ(context_.query().last_status, static_cast<std::uint32_t>(SKALD_JOB_CONTINUE));
}

TEST_F(UapiSubmit, TheDefaultTimeBudgetIsASecond) {
    const Program program = Program().budget(2).jump(0).end(isa::EndStatus::Continue);
    const std::int64_t start = monotonic_ns();
    ASSERT_EQ(context_.run(program), 0);
    EXPECT_GE(monotonic_ns() - start, 900000000);
    EXPECT_EQ(context_.query().last_status, static_cast<std::uint32_t>(SKALD_JOB_CONTINUE));
}

TEST_F(UapiSubmit, TheLoopBudgetFaults) {
    drm_skald_job job = context_.load(spin());
    job.loop_budget = 100;
    ASSERT_EQ(device_.submit(context_.queue(), {&job, 1}), 0);
    ASSERT_EQ(device_.wait_completed(context_.queue(), 1), 0);
    EXPECT_EQ(device_.vm_query(context_.vm()).reason,
              static_cast<std::uint32_t>(SKALD_FAULT_LOOP_BUDGET));
}

TEST_F(UapiSubmit, EveryQueueAdvancesBesideAJobThatNeverEnds) {
    std::uint32_t high, equal, low;
    ASSERT_EQ(device_.queue_create(context_.vm(), &high, -1, DRM_SKALD_PRIORITY_HIGH), 0);
    ASSERT_EQ(device_.queue_create(context_.vm(), &equal), 0);
    ASSERT_EQ(device_.queue_create(context_.vm(), &low, -1, DRM_SKALD_PRIORITY_LOW), 0);
    ASSERT_EQ(context_.submit(announce_and(spin())), 0);
    ASSERT_TRUE(wait_word(context_, 0, 1));
    const drm_skald_job a = context_.load(write_word(1, 1), 1);
    const drm_skald_job b = context_.load(write_word(2, 1), 2);
    const drm_skald_job c = context_.load(write_word(3, 1), 3);
    ASSERT_EQ(device_.submit(low, {&c, 1}), 0);
    ASSERT_EQ(device_.submit(high, {&a, 1}), 0);
    ASSERT_EQ(device_.submit(equal, {&b, 1}), 0);
    EXPECT_EQ(device_.wait_completed(high, 1), 0);
    EXPECT_EQ(device_.wait_completed(equal, 1), 0);
    EXPECT_EQ(device_.wait_completed(low, 1), 0);
    EXPECT_EQ(context_.query().completed, 0u);
}

TEST_F(UapiSubmit, AFenceSignalsThoughItsProgramNeverEnds) {
    std::uint32_t queue;
    ASSERT_EQ(create([&](auto& a) { a.max_job_ms = 300; }, &queue), 0);
    const std::uint32_t fence = device_.syncobj();
    const drm_skald_sync sync = signal_binary(fence);
    drm_skald_job job = context_.load(spin());
    job.loop_budget = job.time_budget_ns = ~0ull;
    ASSERT_EQ(device_.submit(queue, {&job, 1}, {&sync, 1}), 0);
    EXPECT_EQ(device_.syncobj_wait(fence, 60000), 0);
    EXPECT_EQ(device_.syncobj_error(fence), ETIME);
    const drm_skald_vm_query fault = device_.vm_query(context_.vm());
    EXPECT_EQ(fault.reason, static_cast<std::uint32_t>(SKALD_FAULT_TIME));
    EXPECT_EQ(fault.queue_id, queue);
    EXPECT_EQ(fault.banned, 1u);
}

// ---- WAIT_PROGRESS ----

using UapiProgress = UapiQueue;

TEST_F(UapiProgress, RejectsPaddingAndUnknownQueues) {
    drm_skald_wait_progress wait{};
    wait.queue_id = context_.queue();
    wait.pad = 1;
    EXPECT_EQ(device_.wait_progress(wait, 0), EINVAL);
    wait = {};
    wait.queue_id = 99;
    EXPECT_EQ(device_.wait_progress(wait, 0), ENOENT);
}

TEST_F(UapiProgress, ATimeoutIsEtimeWithValidOutputs) {
    ASSERT_EQ(context_.run(tokens(context_, 3)), 0);
    drm_skald_wait_progress wait{};
    wait.queue_id = context_.queue();
    wait.seen = 3;
    wait.seen_completed = 1;
    const std::int64_t start = monotonic_ns();
    EXPECT_EQ(device_.wait_progress(wait, 50), ETIME);
    EXPECT_GE(monotonic_ns() - start, 50000000);
    EXPECT_EQ(wait.progress, 3u);
    EXPECT_EQ(wait.completed, 1u);
    EXPECT_EQ(device_.wait_progress(wait, -1000), ETIME);  // in the past: just look
}

TEST_F(UapiProgress, IsLevelTriggered) {
    ASSERT_EQ(context_.run(tokens(context_, 5)), 0);
    for (int i = 0; i < 2; ++i) {
        drm_skald_wait_progress wait{};
        wait.queue_id = context_.queue();
        wait.seen_completed = 1;
        EXPECT_EQ(device_.wait_progress(wait, -1000), 0);
        EXPECT_EQ(wait.progress, 5u);
    }
    EXPECT_EQ(context_.query().progress, 5u);
}

TEST_F(UapiProgress, TokensWakeAWaiterBeforeTheJobEnds) {
    Program program = tokens(context_, 1);
    // Instead of ending, wait for the test.
    Program held;
    for (const isa::MicroOp& op : program.ops().first(program.size() - 1))
        held.raw(op);
    held.wait_semaphore(Context::data_va(50), 1).end();
    ASSERT_EQ(context_.submit(held), 0);
    drm_skald_wait_progress wait{};
    wait.queue_id = context_.queue();
    EXPECT_EQ(device_.wait_progress(wait, 20000), 0);
    EXPECT_EQ(wait.progress, 1u);
    EXPECT_EQ(wait.completed, 0u);
    context_.data(50) = 1;
    EXPECT_EQ(device_.wait_completed(context_.queue(), 1), 0);
}

TEST_F(UapiProgress, AWaiterIsWokenThoughOthersReadTheProgressFirst) {
    // One token, on command, before the test lets the job end: there is one wake-up to lose.
    const Program token = tokens(context_, 1);
    Program program;
    program.wait_semaphore(Context::data_va(49), 1);
    for (const isa::MicroOp& op : token.ops().first(token.size() - 2))
        program.raw(op);
    program.wait_semaphore(Context::data_va(50), 1).end();

    std::vector<std::jthread> readers;
    for (int i = 0; i < 2; ++i)
        readers.emplace_back([&](const std::stop_token& stop) {
            while (!stop.stop_requested())
                (void)context_.query();
        });
    for (std::uint64_t round = 0; round < 30; ++round) {
        (void)tokens(context_, 1);
        context_.data(49) = 0;
        context_.data(50) = 0;
        ASSERT_EQ(context_.submit(program), 0);
        drm_skald_wait_progress wait{};
        wait.queue_id = context_.queue();
        wait.seen = wait.seen_completed = round;
        int error = -1;
        std::thread waiter([&] { error = device_.wait_progress(wait, 20000); });
        ::usleep(5000);
        context_.data(49) = 1;
        waiter.join();
        EXPECT_EQ(error, 0);
        EXPECT_EQ(wait.progress, round + 1);
        EXPECT_EQ(wait.completed, round) << "woken by the end of the job, not by the token";
        context_.data(50) = 1;
        ASSERT_EQ(device_.wait_completed(context_.queue(), round + 1), 0);
        ASSERT_FALSE(HasFailure()) << round;
    }
}

TEST_F(UapiProgress, TokensLieInTheRingBeforeTheyAreCounted) {
    ASSERT_EQ(context_.run(tokens(context_, 4)), 0);
    for (std::size_t i = 0; i < 4; ++i)
        EXPECT_EQ(context_.data(0x400 + 2 * i) & 0xffffffff, 7u);
}

TEST_F(UapiProgress, DestroyingTheQueueWakesTheWaiter) {
    ASSERT_EQ(context_.submit(announce_and(spin())), 0);
    ASSERT_TRUE(wait_word(context_, 0, 1));
    int error = -1;
    std::uint64_t completed = 0;
    std::thread waiter([&] {
        drm_skald_wait_progress wait{};
        wait.queue_id = context_.queue();
        error = device_.wait_progress(wait, 20000);
        completed = wait.completed;
    });
    EXPECT_EQ(device_.queue_destroy(context_.queue()), 0);
    waiter.join();
    // It sees the killed job, or comes too late for the queue.
    EXPECT_TRUE(error == ENOENT || (error == 0 && completed == 1)) << error;
}

// SIGUSR1 with a handler that does nothing, for as long as it lives.
class Signal {
  public:
    explicit Signal(int flags) {
        struct sigaction action{};
        action.sa_handler = [](int) {};
        action.sa_flags = flags;
        EXPECT_EQ(::sigaction(SIGUSR1, &action, &before_), 0);
    }
    ~Signal() { ::sigaction(SIGUSR1, &before_, nullptr); }
    Signal(const Signal&) = delete;
    Signal& operator=(const Signal&) = delete;

  private:
    struct sigaction before_{};
};

// WAIT_PROGRESS in a thread of its own, not started again by anybody but the kernel.
class Waiter {
  public:
    Waiter(const Device& device, std::uint32_t queue)
        : thread_([this, fd = device.fd(), queue] {
              drm_skald_wait_progress wait{};
              wait.queue_id = queue;
              wait.timeout_ns = monotonic_ns() + 20000000000;
              error_ = ::ioctl(fd, DRM_IOCTL_SKALD_WAIT_PROGRESS, &wait) == 0 ? 0 : errno;
              returned_ = true;
          }) {}
    // One that comes before the call is there hits nothing.
    void signal() { ::pthread_kill(thread_.native_handle(), SIGUSR1); }
    bool returned() const { return returned_; }
    int join() {
        thread_.join();
        return error_;
    }

  private:
    int error_ = -1;
    std::atomic<bool> returned_ = false;
    std::thread thread_;
};

TEST_F(UapiProgress, ASignalInterruptsAWaiterWithEintr) {
    const Signal signal(0);
    ASSERT_EQ(context_.submit(announce_and(spin())), 0);
    ASSERT_TRUE(wait_word(context_, 0, 1));
    Waiter waiter(device_, context_.queue());
    while (!waiter.returned()) {
        waiter.signal();
        std::this_thread::yield();
    }
    EXPECT_EQ(waiter.join(), EINTR);
    EXPECT_EQ(device_.queue_destroy(context_.queue()), 0);
}

TEST_F(UapiProgress, AHandlerThatRestartsCallsLetsAWaiterGoOn) {
    const Signal signal(SA_RESTART);
    ASSERT_EQ(context_.submit(announce_and(spin())), 0);
    ASSERT_TRUE(wait_word(context_, 0, 1));
    Waiter waiter(device_, context_.queue());
    for (int i = 0; i < 100; ++i) {
        waiter.signal();
        std::this_thread::yield();
    }
    EXPECT_FALSE(waiter.returned());
    EXPECT_EQ(device_.queue_destroy(context_.queue()), 0);
    // It sees the killed job, or comes too late for the queue.
    const int error = waiter.join();
    EXPECT_TRUE(error == 0 || error == ENOENT) << error;
}

TEST_F(UapiProgress, EventfdSignalsProgressAndEnds) {
    const Fd event(::eventfd(0, EFD_CLOEXEC));
    const Context other(device_, event.get());
    ASSERT_EQ(other.submit(tokens(other, 2)), 0);
    pollfd poll{event.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&poll, 1, 20000), 1);
    ASSERT_EQ(device_.wait_completed(other.queue(), 1), 0);
    std::uint64_t count = 0;
    EXPECT_EQ(::read(event.get(), &count, sizeof(count)), 8);
    EXPECT_GE(count, 1u);
}

TEST_F(UapiProgress, InterruptsAreCoalesced) {
    const std::uint64_t before = device_.usage().interrupts;
    ASSERT_EQ(context_.run(tokens(context_, 1000)), 0);
    // One for the first token, at most one for every 16, one for the end; and the mailbox's.
    EXPECT_LE(device_.usage().interrupts - before, 1000 / 16 + 10);
}

TEST_F(UapiProgress, AnInterruptForEachTokenLosesNoneAndStarvesNobody) {
    constexpr std::uint32_t kTokens = 20000;
    const Device& device = device_;
    Context& storm = context_;
    Context other(device);
    drm_skald_queue_create create{};
    create.vm_id = storm.vm();
    create.coalesce_tokens = 1;
    create.eventfd = -1;
    ASSERT_EQ(device.call(DRM_IOCTL_SKALD_QUEUE_CREATE, &create), 0);
    const drm_skald_job job = storm.load(tokens(storm, kTokens));
    ASSERT_EQ(device.submit(create.queue_id, {&job, 1}), 0);
    // Each call returns with news, and progress never goes back.
    drm_skald_wait_progress wait{};
    wait.queue_id = create.queue_id;
    unsigned good = 0;
    while (wait.seen_completed == 0) {
        ASSERT_EQ(device.wait_progress(wait, 20000), 0);
        ASSERT_GE(wait.progress, wait.seen);
        wait.seen = wait.progress;
        wait.seen_completed = wait.completed;
        if (good < 3) {
            ASSERT_EQ(other.run(write_word(0, good)), 0);
            ++good;
        }
    }
    EXPECT_EQ(wait.progress, kTokens);
    EXPECT_EQ(device.queue_query(create.queue_id).progress, kTokens);
    EXPECT_GE(good, 1u);
}

}  // namespace
}  // namespace skald::test
