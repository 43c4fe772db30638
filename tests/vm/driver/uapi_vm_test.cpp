// SPDX-License-Identifier: MIT
// Address spaces: creation, VM_BIND in all its forms, VM_QUERY.
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "context.hpp"
#include "skald/fault.h"

namespace skald::test {
namespace {

TEST(UapiVm, RejectsFlagsAndPadding) {
    const Device device;
    drm_skald_vm_create create{1, 0};
    EXPECT_EQ(device.call(DRM_IOCTL_SKALD_VM_CREATE, &create), EINVAL);
    std::uint32_t vm;
    ASSERT_EQ(device.vm_create(&vm), 0);
    drm_skald_vm_destroy destroy{vm, 1};
    EXPECT_EQ(device.call(DRM_IOCTL_SKALD_VM_DESTROY, &destroy), EINVAL);
    drm_skald_vm_query query{};
    query.vm_id = vm;
    query.pad = 1;
    EXPECT_EQ(device.call(DRM_IOCTL_SKALD_VM_QUERY, &query), EINVAL);
}

TEST(UapiVm, UnknownIdsAreEnoent) {
    const Device device;
    EXPECT_EQ(device.vm_destroy(1), ENOENT);
    drm_skald_vm_query query{};
    query.vm_id = 5;
    EXPECT_EQ(device.call(DRM_IOCTL_SKALD_VM_QUERY, &query), ENOENT);
    EXPECT_EQ(device.unmap_va(9, 0x100000, 4096), ENOENT);
}

TEST(UapiVm, IdsBelongToTheFile) {
    const Device device;
    const Device other;
    std::uint32_t vm;
    ASSERT_EQ(device.vm_create(&vm), 0);
    EXPECT_EQ(other.vm_destroy(vm), ENOENT);
    EXPECT_EQ(device.vm_destroy(vm), 0);
    EXPECT_EQ(device.vm_destroy(vm), ENOENT);
}

TEST(UapiVm, The65thContextIsEusersAndADestroyedOneIsFreeAtOnce) {
    std::vector<std::unique_ptr<Device>> devices;
    std::vector<std::uint32_t> vms(64);
    for (std::size_t i = 0; i < vms.size(); ++i) {
        if (i % DRM_SKALD_FILE_VMS_MAX == 0)
            devices.push_back(std::make_unique<Device>());
        ASSERT_EQ(devices.back()->vm_create(&vms[i]), 0);
    }
    std::uint32_t extra;
    const Device other;
    EXPECT_EQ(other.vm_create(&extra), EUSERS);
    ASSERT_EQ(devices[1]->vm_destroy(vms[17]), 0);
    EXPECT_EQ(other.vm_create(&extra), 0);
    EXPECT_EQ(devices[1]->vm_create(&vms[17]), EUSERS);
}

TEST(UapiVm, AFileHasSixteenContextsAtMost) {
    const Device device, other;
    std::vector<std::uint32_t> vms(DRM_SKALD_FILE_VMS_MAX);
    for (std::uint32_t& vm : vms)
        ASSERT_EQ(device.vm_create(&vm), 0);
    std::uint32_t extra;
    EXPECT_EQ(device.vm_create(&extra), EUSERS);
    EXPECT_EQ(other.vm_create(&extra), 0);
    ASSERT_EQ(device.vm_destroy(vms[3]), 0);
    EXPECT_EQ(device.vm_create(&vms[3]), 0);
    EXPECT_EQ(device.vm_create(&extra), EUSERS);
}

TEST(UapiVm, DestroyIsEbusyWhileQueuesExist) {
    const Device device;
    std::uint32_t vm, queue;
    ASSERT_EQ(device.vm_create(&vm), 0);
    ASSERT_EQ(device.queue_create(vm, &queue), 0);
    EXPECT_EQ(device.vm_destroy(vm), EBUSY);
    ASSERT_EQ(device.queue_destroy(queue), 0);
    EXPECT_EQ(device.vm_destroy(vm), 0);
}

TEST(UapiVm, AFreshOneHasNoFault) {
    const Device device;
    std::uint32_t vm;
    ASSERT_EQ(device.vm_create(&vm), 0);
    const drm_skald_vm_query query = device.vm_query(vm);
    EXPECT_EQ(query.reason, 0u);
    EXPECT_EQ(query.banned, 0u);
}

class UapiBind : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_EQ(device_.bo_create(2 * kBig, DRM_SKALD_BO_CARD, &card_), 0);
        ASSERT_EQ(device_.bo_create(64 * 1024, DRM_SKALD_BO_SYSTEM, &system_), 0);
    }
    int map(std::uint32_t handle, std::uint64_t va, std::uint64_t range, std::uint64_t offset = 0,
            std::uint32_t flags = 0) {
        return device_.map_va(context_.vm(), handle, va, range, flags, offset);
    }
    int unmap(std::uint64_t va, std::uint64_t range) {
        return device_.unmap_va(context_.vm(), va, range);
    }
    // What the card reads there, or nothing if it faults. A fault bans: only the last thing a test
    // does.
    bool readable(std::uint64_t va) {
        EXPECT_EQ(context_.run(Program().copy(Context::data_va(8), va, 8).end()), 0);
        const drm_skald_vm_query query = device_.vm_query(context_.vm());
        if (query.reason != SKALD_FAULT_NONE) {
            EXPECT_EQ(query.reason, static_cast<std::uint32_t>(SKALD_FAULT_UNMAPPED));
            EXPECT_EQ(query.address, va);
        }
        return query.reason == SKALD_FAULT_NONE;
    }
    std::uint64_t read(std::uint64_t va) {
        EXPECT_TRUE(readable(va)) << std::hex << va;
        return context_.data(8);
    }

    Device device_;
    Context context_{device_};
    std::uint32_t card_ = 0;
    std::uint32_t system_ = 0;
};

TEST_F(UapiBind, RejectsBadFlags) {
    EXPECT_EQ(map(card_, 0x400000, kBig, 0, 0x20), EINVAL);
    EXPECT_EQ(map(card_, 0x400000, kBig, 0, 2), EINVAL);  // an unknown type
    const drm_skald_bind_op op{DRM_SKALD_BIND_MAP, card_, 0, 0x400000, kBig};
    EXPECT_EQ(device_.bind(context_.vm(), {&op, 1}, 2), EINVAL);
}

TEST_F(UapiBind, RejectsNoOperations) {
    EXPECT_EQ(device_.bind(context_.vm(), {}), EINVAL);
}

TEST_F(UapiBind, RejectsSyncsWithoutAsync) {
    const drm_skald_bind_op op{DRM_SKALD_BIND_MAP, card_, 0, 0x400000, kBig};
    const drm_skald_sync sync = signal_binary(device_.syncobj());
    EXPECT_EQ(device_.bind(context_.vm(), {&op, 1}, 0, {&sync, 1}), EINVAL);
}

TEST_F(UapiBind, RejectsMisalignmentOfEachKind) {
    EXPECT_EQ(map(card_, 0x401000, kBig), EINVAL);
    EXPECT_EQ(map(card_, 0x400000, kBig - 4096), EINVAL);
    EXPECT_EQ(map(card_, 0x400000, kBig, 4096), EINVAL);
    EXPECT_EQ(map(system_, 0x400800, 4096), EINVAL);
    EXPECT_EQ(map(system_, 0x400000, 2048), EINVAL);
    EXPECT_EQ(map(system_, 0x400000, 4096, 1), EINVAL);
    EXPECT_EQ(unmap(0x400001, 4096), EINVAL);
}

TEST_F(UapiBind, RejectsRangesOutsideTheBufferOrTheSpace) {
    EXPECT_EQ(map(card_, 0x400000, 0), EINVAL);
    EXPECT_EQ(map(card_, 0x400000, 4 * kBig), EINVAL);
    EXPECT_EQ(map(card_, 0x400000, kBig, 2 * kBig), EINVAL);
    EXPECT_EQ(map(card_, 0x400000, kBig, -kBig), EINVAL);
    EXPECT_EQ(map(system_, 0, 4096), EINVAL);
    EXPECT_EQ(map(system_, 0x7f0000000000, 4096), EINVAL);
    EXPECT_EQ(map(system_, 0x7effffffe000, 0x3000), EINVAL);
    EXPECT_EQ(unmap(0x1000, -0x1000ull), EINVAL);
    EXPECT_EQ(unmap(0x100000, 0), EINVAL);
}

TEST_F(UapiBind, AcceptsTheEndsOfTheSpace) {
    EXPECT_EQ(map(system_, 0x1000, 4096), 0);
    EXPECT_EQ(map(system_, 0x7efffffff000, 4096), 0);
    EXPECT_EQ(map(card_, 0x7effffc00000 - kBig, kBig), 0);
    EXPECT_TRUE(readable(0x7efffffff000));
    EXPECT_TRUE(readable(0x1000));
}

TEST_F(UapiBind, RejectsBadHandles) {
    EXPECT_EQ(map(12345, 0x400000, kBig), ENOENT);
    const drm_skald_bind_op op{DRM_SKALD_BIND_UNMAP, card_, 0, 0x400000, kBig};
    EXPECT_EQ(device_.bind(context_.vm(), {&op, 1}), EINVAL);
    const drm_skald_bind_op readonly{DRM_SKALD_BIND_UNMAP | DRM_SKALD_BIND_READONLY, 0, 0, 0x400000,
                                     kBig};
    EXPECT_EQ(device_.bind(context_.vm(), {&readonly, 1}), EINVAL);
}

TEST_F(UapiBind, RejectsBadArrays) {
    const drm_skald_bind_op op{DRM_SKALD_BIND_MAP, card_, 0, 0x400000, kBig};
    const auto pointer = reinterpret_cast<std::uint64_t>(&op);
    drm_skald_vm_bind args{context_.vm(), 0, {8, 1, pointer}, {}};
    EXPECT_EQ(device_.call(DRM_IOCTL_SKALD_VM_BIND, &args), EINVAL);
    args.ops = {sizeof(op), 1, 8};
    EXPECT_EQ(device_.call(DRM_IOCTL_SKALD_VM_BIND, &args), EFAULT);
    args.ops = {sizeof(op), 0xffffffff, pointer};
    EXPECT_EQ(device_.call(DRM_IOCTL_SKALD_VM_BIND, &args), EINVAL);
}

TEST_F(UapiBind, AcceptsLongerElementsThatEndInZeros) {
    struct {
        drm_skald_bind_op op;
        std::uint64_t later[2];
    } ops[2] = {{{DRM_SKALD_BIND_MAP, card_, 0, 0x400000, kBig}, {0, 0}},
                {{DRM_SKALD_BIND_MAP, card_, kBig, 0x800000, kBig}, {0, 0}}};
    drm_skald_vm_bind args{
        context_.vm(), 0, {sizeof(ops[0]), 2, reinterpret_cast<std::uint64_t>(ops)}, {}};
    EXPECT_EQ(device_.call(DRM_IOCTL_SKALD_VM_BIND, &args), 0);
    ops[1].later[1] = 1;
    EXPECT_EQ(device_.call(DRM_IOCTL_SKALD_VM_BIND, &args), EINVAL);
}

TEST_F(UapiBind, AllOperationsOrNone) {
    const drm_skald_bind_op ops[] = {{DRM_SKALD_BIND_MAP, card_, 0, 0x400000, kBig},
                                     {DRM_SKALD_BIND_MAP, 12345, 0, 0x800000, kBig}};
    EXPECT_EQ(device_.bind(context_.vm(), ops), ENOENT);
    EXPECT_FALSE(readable(0x400000));
}

TEST_F(UapiBind, TheCardSeesBothKindsAtTheirOffsets) {
    const Mapping card = device_.map(card_, 2 * kBig);
    const Mapping system = device_.map(system_, 64 * 1024);
    card.at<std::uint64_t>(kBig + 512) = 11;
    system.at<std::uint64_t>(8192 + 64) = 22;
    ASSERT_EQ(map(card_, 0x40000000, kBig, kBig), 0);
    ASSERT_EQ(map(system_, 0x3ff000, 16384, 4096), 0);  // across a boundary of 2 MiB
    EXPECT_EQ(read(0x40000000 + 512), 11u);
    EXPECT_EQ(read(0x3ff000 + 4096 + 64), 22u);
    ASSERT_EQ(context_.run(Program().copy(0x3ff000 + 8192, 0x40000000 + 512, 8).end()), 0);
    EXPECT_EQ(system.at<std::uint64_t>(4096 + 8192), 11u);
}

TEST_F(UapiBind, UnmappedIsUnmapped) {
    ASSERT_EQ(map(card_, 0x400000, kBig), 0);
    EXPECT_TRUE(readable(0x400000));
    ASSERT_EQ(unmap(0x400000, kBig), 0);
    EXPECT_FALSE(readable(0x400000));
}

TEST_F(UapiBind, UnmapOfNothingIsFine) {
    EXPECT_EQ(unmap(0x10000000, 64 * kMiB), 0);
    EXPECT_EQ(unmap(0x1000, 0x7f0000000000 - 0x1000), 0);
}

TEST_F(UapiBind, MapReplacesWhatWasThere) {
    const Mapping card = device_.map(card_, 2 * kBig);
    const Mapping system = device_.map(system_, 64 * 1024);
    card.at<std::uint64_t>(0) = 1;
    card.at<std::uint64_t>(kBig) = 2;
    system.at<std::uint64_t>(0) = 3;
    ASSERT_EQ(map(card_, 0x400000, kBig, 0), 0);
    EXPECT_EQ(read(0x400000), 1u);
    ASSERT_EQ(map(card_, 0x400000, kBig, kBig), 0);
    EXPECT_EQ(read(0x400000), 2u);
    ASSERT_EQ(map(system_, 0x400000, 4096), 0);
    EXPECT_EQ(read(0x400000), 3u);
}

TEST_F(UapiBind, APageCutOutOfABigOneLeavesTheRest) {
    const Mapping card = device_.map(card_, 2 * kBig);
    for (std::size_t i = 0; i < 2 * kBig; i += 4096)
        card.at<std::uint64_t>(i) = i + 5;
    ASSERT_EQ(map(card_, 0x400000, 2 * kBig), 0);
    ASSERT_EQ(unmap(0x403000, 4096), 0);
    EXPECT_EQ(read(0x402000), 0x2005u);
    EXPECT_EQ(read(0x404000), 0x4005u);
    EXPECT_EQ(read(0x400000 + kBig), kBig + 5);
    EXPECT_FALSE(readable(0x403000));
}

TEST_F(UapiBind, ARangeInTheMiddleIsCutOnBothSides) {
    const Mapping card = device_.map(card_, 2 * kBig);
    for (std::size_t i = 0; i < 2 * kBig; i += 4096)
        card.at<std::uint64_t>(i) = i + 5;
    ASSERT_EQ(map(card_, 0x400000, 2 * kBig), 0);
    ASSERT_EQ(unmap(0x400000 + kBig - 0x3000, 0x5000), 0);
    EXPECT_EQ(read(0x400000 + kBig - 0x4000), kBig - 0x4000 + 5);
    EXPECT_EQ(read(0x400000 + kBig + 0x2000), kBig + 0x2000 + 5);
    // And a part of what is left, with the buffer at the place it had.
    ASSERT_EQ(unmap(0x400000, 0x1000), 0);
    EXPECT_EQ(read(0x401000), 0x1005u);
    EXPECT_FALSE(readable(0x400000 + kBig + 0x1000));
}

TEST_F(UapiBind, ReadonlyIsReadonly) {
    ASSERT_EQ(map(card_, 0x400000, kBig, 0, DRM_SKALD_BIND_READONLY), 0);
    EXPECT_TRUE(readable(0x400000));
    ASSERT_EQ(context_.run(Program().set(1, 5).store(0x400010, 1).end()), 0);
    const drm_skald_vm_query query = device_.vm_query(context_.vm());
    EXPECT_EQ(query.reason, static_cast<std::uint32_t>(SKALD_FAULT_READONLY));
    EXPECT_EQ(query.address, 0x400010u);
    EXPECT_EQ(query.op_index, 1u);
}

TEST_F(UapiBind, BindingsKeepABufferWhoseHandleIsClosed) {
    const Mapping card = device_.map(card_, 2 * kBig);
    card.at<std::uint64_t>(64) = 99;
    ASSERT_EQ(map(card_, 0x400000, 2 * kBig), 0);
    ASSERT_EQ(device_.bo_close(card_), 0);
    EXPECT_EQ(read(0x400040), 99u);
}

TEST_F(UapiBind, MemoryComesBackWhenTheLastBindingGoes) {
    const std::uint64_t used = device_.usage().mem_used;
    std::uint32_t handle;
    ASSERT_EQ(device_.bo_create(16 * kBig, DRM_SKALD_BO_CARD, &handle), 0);
    ASSERT_EQ(map(handle, 0x40000000, 16 * kBig), 0);
    ASSERT_EQ(device_.bo_close(handle), 0);
    EXPECT_GE(device_.usage().mem_used, used + 16 * kBig);
    ASSERT_EQ(unmap(0x40000000, 16 * kBig), 0);
    // The release follows the unmap; the next bind of the address space comes after it only in the
    // card's time.
    const std::int64_t deadline = monotonic_ns() + 5000000000;
    while (device_.usage().mem_used > used && monotonic_ns() < deadline)
        continue;
    EXPECT_LE(device_.usage().mem_used, used);
}

TEST_F(UapiBind, NoCardMemoryForTablesIsEnospc) {
    // Fill the card, in ever smaller pieces, tables' block included.
    std::uint32_t handle;
    for (std::uint64_t size = 256 * kBig; size >= kBig; size /= 2)
        while (device_.bo_create(size, DRM_SKALD_BO_CARD, &handle) == 0)
            continue;
    int error = 0;
    for (std::uint64_t va = 1ull << 39; va < (1ull << 46) && !error; va += 1ull << 30)
        error = map(system_, va, 4096);
    EXPECT_EQ(error, ENOSPC);
    // What was mapped before still works.
    EXPECT_EQ(context_.run(write_word(3, 4)), 0);
    EXPECT_EQ(context_.data(3), 4u);
}

TEST_F(UapiBind, AsyncWaitsAndSignalsInOrder) {
    const std::uint32_t gate = device_.syncobj(), mapped = device_.syncobj();
    // The gate opens when a job has run; the job writes through a mapping that is there already.
    const drm_skald_bind_op op{DRM_SKALD_BIND_MAP, card_, 0, 0x400000, kBig};
    const drm_skald_sync open = signal_binary(gate);
    ASSERT_EQ(context_.submit(write_word(2, 1), 0, {&open, 1}), 0);
    const drm_skald_sync syncs[] = {wait_binary(gate), signal_binary(mapped)};
    ASSERT_EQ(device_.bind(context_.vm(), {&op, 1}, DRM_SKALD_VM_BIND_ASYNC, syncs), 0);
    // A job that waits for the bind finds it done.
    const drm_skald_sync wait = wait_binary(mapped);
    ASSERT_EQ(context_.submit(Program().set(1, 8).store(0x400000, 1).end(), 1, {&wait, 1}), 0);
    EXPECT_EQ(device_.wait_completed(context_.queue(), 2), 0);
    EXPECT_EQ(device_.vm_query(context_.vm()).reason, 0u);
    const Mapping card = device_.map(card_, kBig);
    EXPECT_EQ(card.at<std::uint64_t>(0), 8u);
}

TEST_F(UapiBind, SyncAndAsyncKeepTheOrderOfTheCalls) {
    const std::uint32_t gate = device_.syncobj();
    const Mapping card = device_.map(card_, 2 * kBig);
    card.at<std::uint64_t>(0) = 1;
    card.at<std::uint64_t>(kBig) = 2;
    const drm_skald_sync open = signal_binary(gate);
    const drm_skald_sync wait = wait_binary(gate);
    ASSERT_EQ(context_.submit(write_word(2, 1), 0, {&open, 1}), 0);
    const drm_skald_bind_op first{DRM_SKALD_BIND_MAP, card_, 0, 0x400000, kBig};
    ASSERT_EQ(device_.bind(context_.vm(), {&first, 1}, DRM_SKALD_VM_BIND_ASYNC, {&wait, 1}), 0);
    ASSERT_EQ(map(card_, 0x400000, kBig, kBig), 0);
    EXPECT_EQ(read(0x400000), 2u);
}

TEST_F(UapiBind, ASignalDoesNotDoABindTwice) {
    // A job that has not ended holds two binds of one place back, first ours, then another's.
    const std::uint32_t gate = device_.syncobj(), done = device_.syncobj();
    const drm_skald_sync open = signal_binary(gate), wait = wait_binary(gate),
                         last = signal_binary(done);
    const Mapping card = device_.map(card_, 2 * kBig);
    card.at<std::uint64_t>(0) = 1;
    card.at<std::uint64_t>(kBig) = 2;
    std::uint32_t held;
    ASSERT_EQ(device_.queue_create(context_.vm(), &held), 0);
    const drm_skald_job job = context_.load(spin(), 1);
    ASSERT_EQ(device_.submit(held, {&job, 1}, {&open, 1}), 0);
    const drm_skald_bind_op nothing{DRM_SKALD_BIND_UNMAP, 0, 0, 0x800000, kBig};
    ASSERT_EQ(device_.bind(context_.vm(), {&nothing, 1}, DRM_SKALD_VM_BIND_ASYNC, {&wait, 1}), 0);

    struct sigaction restart{}, before{};
    restart.sa_handler = [](int) {};
    restart.sa_flags = SA_RESTART;
    ASSERT_EQ(::sigaction(SIGUSR1, &restart, &before), 0);
    int error = -1;
    std::thread binder([&] { error = map(card_, 0x400000, kBig, 0); });
    ::usleep(100000);  // it waits by now; if it does not, nothing is tried, and nothing fails
    const drm_skald_bind_op op{DRM_SKALD_BIND_MAP, card_, kBig, 0x400000, kBig};
    EXPECT_EQ(device_.bind(context_.vm(), {&op, 1}, DRM_SKALD_VM_BIND_ASYNC, {&last, 1}), 0);
    for (int i = 0; i < 20; ++i) {
        ::pthread_kill(binder.native_handle(), SIGUSR1);
        ::usleep(1000);
    }
    EXPECT_EQ(device_.queue_destroy(held), 0);
    binder.join();
    EXPECT_EQ(error, 0);
    EXPECT_EQ(device_.syncobj_wait(done, 20000), 0);
    EXPECT_EQ(::sigaction(SIGUSR1, &before, nullptr), 0);
    EXPECT_EQ(read(0x400000), 2u);
}

TEST_F(UapiBind, BindsThatWaitAreBoundedAndHoldNobodyElseUp) {
    // A job that has not ended holds all of these back.
    const std::uint32_t gate = device_.syncobj(), done = device_.syncobj();
    const drm_skald_sync open = signal_binary(gate), wait = wait_binary(gate);
    ASSERT_EQ(context_.submit(spin(), 0, {&open, 1}), 0);
    const std::vector<drm_skald_bind_op> ops(
        16384, drm_skald_bind_op{DRM_SKALD_BIND_UNMAP, 0, 0, 0x400000, kBig});
    const auto bind = [&] {
        return device_.bind(context_.vm(), ops, DRM_SKALD_VM_BIND_ASYNC, {&wait, 1});
    };
    for (std::size_t n = 0; n < DRM_SKALD_VM_BIND_OPS_MAX; n += ops.size())
        ASSERT_EQ(bind(), 0) << n;
    EXPECT_EQ(bind(), EBUSY);
    Context other(device_);
    EXPECT_EQ(device_.map_va(other.vm(), card_, 0x400000, kBig), 0);
    ASSERT_EQ(device_.queue_destroy(context_.queue()), 0);
    // One more than may be under way is taken once one of them is done.
    const drm_skald_sync last = signal_binary(done);
    int error = EBUSY;
    for (const std::int64_t deadline = monotonic_ns() + 120000000000;
         error == EBUSY && monotonic_ns() < deadline;)
        error = device_.bind(context_.vm(), std::span(ops).first(1), DRM_SKALD_VM_BIND_ASYNC,
                             {&last, 1});
    EXPECT_EQ(error, 0);
    EXPECT_EQ(device_.syncobj_wait(done, 120000), 0);
}

TEST_F(UapiBind, HoldsWhileAJobRuns) {
    // The card must answer INVALIDATE between two micro-ops of a job that never ends.
    ASSERT_EQ(map(card_, 0x400000, kBig), 0);
    ASSERT_EQ(context_.submit(announce_and(spin())), 0);
    ASSERT_TRUE(wait_word(context_, 0, 1));
    EXPECT_EQ(unmap(0x400000, kBig), 0);
    EXPECT_EQ(device_.queue_destroy(context_.queue()), 0);
}

TEST_F(UapiBind, HoldsWhileAJobWaitsForASemaphore) {
    ASSERT_EQ(map(card_, 0x400000, kBig), 0);
    ASSERT_EQ(context_.submit(announce_and(hang())), 0);
    ASSERT_TRUE(wait_word(context_, 0, 1));
    EXPECT_EQ(unmap(0x400000, kBig), 0);
    context_.data(100) = 1;  // what it waits for; END is missing, so it faults then
    EXPECT_EQ(device_.wait_completed(context_.queue(), 1), 0);
    EXPECT_EQ(device_.vm_query(context_.vm()).reason,
              static_cast<std::uint32_t>(SKALD_FAULT_PROGRAM_END));
}

}  // namespace
}  // namespace skald::test
