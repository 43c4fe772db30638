// SPDX-License-Identifier: MIT
// The ioctl back end against a fake kernel: what it sends, how it fails, that it leaks nothing.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "fake_os.hpp"
#include "libskald/address_space.hpp"
#include "libskald/drm_device.hpp"
#include "libskald/error.hpp"
#include "libskald/model.hpp"
#include "libskald/queue.hpp"
#include "libskald/syncobj.hpp"
#include "skald/fault.h"

namespace skald::test {
namespace {

using rt::Error;

// The error that a call throws; fails the test if it throws none.
template <class Call>
Error error_of(Call call) {
    try {
        call();
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "no error was thrown";
    return Error("");
}

bool contains(const Error& error, const std::string& text) {
    return std::string(error.what()).find(text) != std::string::npos;
}

class DrmDeviceTest : public testing::Test {
  protected:
    FakeOs os;
};

TEST_F(DrmDeviceTest, OpensTheFirstCardAndReadsItsFigures) {
    const auto device = rt::open_card(os);
    EXPECT_EQ(device->name(), "/dev/accel/accel0");
    EXPECT_EQ(device->info().mem_size, 256u << 20);
    EXPECT_EQ(rt::firmware_version_text(device->firmware().version), "1.2.3");
}

TEST_F(DrmDeviceTest, OpensTheCardOfAnIndex) {
    os.nodes.push_back({"/dev/accel/accel3", "0000:02:00.0", 3});
    EXPECT_EQ(rt::open_card(os, 3)->name(), "/dev/accel/accel3");
}

TEST_F(DrmDeviceTest, NamesTheCardsThereAreWhenAnIndexIsMissing) {
    os.nodes.push_back({"/dev/accel/accel3", "0000:02:00.0", 3});
    const Error error = error_of([&] { (void)rt::open_card(os, 1); });
    EXPECT_EQ(error.code(), ENODEV);
    EXPECT_TRUE(contains(error, "0, 3")) << error.what();
}

TEST_F(DrmDeviceTest, SaysWhyThereIsNoCard) {
    os.nodes.clear();
    Error error = error_of([&] { (void)rt::open_card(os); });
    EXPECT_EQ(error.code(), ENODEV);
    EXPECT_TRUE(contains(error, "none on the PCI bus")) << error.what();
    os.strays = {{"0000:01:00.0", "", 64u << 20}};
    error = error_of([&] { (void)rt::open_card(os); });
    EXPECT_EQ(error.code(), ENODEV);
    EXPECT_TRUE(contains(error, "0000:01:00.0 cannot be used")) << error.what();
    os.unreadable = "/sys/bus/pci/devices";
    error = error_of([&] { (void)rt::open_card(os); });
    EXPECT_EQ(error.code(), EMFILE);
    EXPECT_TRUE(contains(error, "/sys/bus/pci/devices: Too many open files")) << error.what();
}

TEST_F(DrmDeviceTest, SaysWhichNodeCannotBeOpenedAndWhatToDo) {
    const auto error_with = [&](int code) {
        os.fail_call["open"] = code;
        Error error = error_of([&] { (void)rt::open_card(os); });
        EXPECT_EQ(error.code(), code);
        EXPECT_TRUE(contains(error, "cannot open /dev/accel/accel0: ")) << error.what();
        return error;
    };
    EXPECT_TRUE(
        contains(error_with(EACCES), "Permission denied (EACCES): its users are the group"));
    EXPECT_TRUE(contains(error_with(EMFILE), "Too many open files (EMFILE)"));
    EXPECT_TRUE(contains(error_with(EMFILE), "ulimit -n"));
    EXPECT_TRUE(contains(error_with(ENOENT), "/dev does not show it"));
    EXPECT_STREQ(error_with(EBUSY).what(),
                 "cannot open /dev/accel/accel0: Device or resource busy (EBUSY)");
}

TEST_F(DrmDeviceTest, SaysThatTheCardIsGoneWhateverWasAskedOfIt) {
    const auto device = rt::open_card(os);
    for (const unsigned long request : {DRM_IOCTL_SKALD_QUERY, DRM_IOCTL_SKALD_BO_CREATE}) {
        os.fail_ioctl[request] = ENODEV;
        const Error error = error_of([&] {
            if (request == DRM_IOCTL_SKALD_QUERY)
                (void)device->usage();
            else
                (void)rt::Buffer::card(*device, 1);
        });
        EXPECT_EQ(error.code(), ENODEV);
        EXPECT_STREQ(error.what(),
                     "/dev/accel/accel0: the card is gone: it was unplugged, or its driver was "
                     "unbound (ENODEV)");
    }
}

TEST_F(DrmDeviceTest, RefusesANodeOfAnotherDriver) {
    os.driver = "ivpu";
    EXPECT_TRUE(contains(error_of([&] { (void)rt::open_card(os); }), "ivpu"));
    EXPECT_TRUE(os.nothing_left());
}

TEST_F(DrmDeviceTest, RefusesADriverOfAnotherMajorVersion) {
    os.driver_major = SKALD_DRIVER_MAJOR + 1;
    const Error error = error_of([&] { (void)rt::open_card(os); });
    EXPECT_EQ(error.code(), EPROTO);
    EXPECT_TRUE(os.nothing_left());
}

TEST_F(DrmDeviceTest, ClosesTheFileWhenTheFirstQueryFails) {
    os.fail_ioctl[DRM_IOCTL_SKALD_QUERY] = EIO;
    EXPECT_EQ(error_of([&] { (void)rt::open_card(os); }).code(), EIO);
    EXPECT_TRUE(os.nothing_left());
}

TEST_F(DrmDeviceTest, GivesBackEverythingItTook) {
    {
        const auto device = rt::open_card(os);
        rt::AddressSpace space(*device);
        rt::Buffer card = rt::Buffer::card(*device, 1);
        rt::Buffer system = rt::Buffer::system(*device, 5000);
        EXPECT_EQ(card.map().size(), 2u << 20);
        EXPECT_EQ(system.map().size(), 8192u);
        const rt::Binding binding(space, card);
        const rt::Queue queue(space, {});
        const rt::Syncobj sync(*device);
        EXPECT_FALSE(os.nothing_left());
    }
    EXPECT_TRUE(os.nothing_left());
}

TEST_F(DrmDeviceTest, MovedBuffersAreReleasedOnce) {
    const auto device = rt::open_card(os);
    {
        rt::Buffer first = rt::Buffer::card(*device, 1);
        (void)first.map();
        rt::Buffer second = std::move(first);
        rt::Buffer third = rt::Buffer::card(*device, 1);
        third = std::move(second);
        EXPECT_EQ(os.buffers.size(), 1u);
        EXPECT_EQ(os.mappings.size(), 1u);
    }
    EXPECT_TRUE(os.buffers.empty());
    EXPECT_TRUE(os.mappings.empty());
}

TEST_F(DrmDeviceTest, SaysHowMuchMemoryCouldNotBeHad) {
    const auto device = rt::open_card(os);
    os.fail_ioctl[DRM_IOCTL_SKALD_BO_CREATE] = ENOSPC;
    const Error error = error_of([&] { (void)rt::Buffer::card(*device, 123456); });
    EXPECT_EQ(error.code(), ENOSPC);
    EXPECT_TRUE(contains(error, "123456 bytes of card memory")) << error.what();
}

TEST_F(DrmDeviceTest, AFailedMappingLeavesNothing) {
    const auto device = rt::open_card(os);
    os.fail_call["mmap"] = ENOMEM;
    {
        rt::Buffer buffer = rt::Buffer::card(*device, 1);
        EXPECT_EQ(error_of([&] { (void)buffer.map(); }).code(), ENOMEM);
    }
    EXPECT_TRUE(os.mappings.empty());
    EXPECT_TRUE(os.buffers.empty());
}

TEST_F(DrmDeviceTest, BindsReadOnlyMemoryReadOnly) {
    const auto device = rt::open_card(os);
    rt::AddressSpace space(*device);
    alignas(4096) static std::byte memory[8192];
    const rt::Buffer buffer = rt::Buffer::over(*device, memory);
    const rt::Binding binding(space, buffer);
    ASSERT_EQ(os.binds.size(), 1u);
    EXPECT_EQ(os.binds[0].flags,
              static_cast<std::uint32_t>(DRM_SKALD_BIND_MAP | DRM_SKALD_BIND_READONLY));
    EXPECT_EQ(os.binds[0].range, 8192u);
    EXPECT_EQ(os.binds[0].va, binding.va());
}

TEST_F(DrmDeviceTest, CardBuffersGetBigPageAlignedAddresses) {
    const auto device = rt::open_card(os);
    rt::AddressSpace space(*device);
    const rt::Buffer small = rt::Buffer::system(*device, 1);
    const rt::Buffer big = rt::Buffer::card(*device, 1);
    const rt::Binding first(space, small);
    const rt::Binding second(space, big);
    EXPECT_EQ(second.va() % (2u << 20), 0u);
}

TEST_F(DrmDeviceTest, ABindingThatFailsGivesItsAddressBack) {
    const auto device = rt::open_card(os);
    rt::AddressSpace space(*device);
    const rt::Buffer buffer = rt::Buffer::card(*device, 1);
    os.fail_ioctl[DRM_IOCTL_SKALD_VM_BIND] = ENOSPC;
    EXPECT_EQ(error_of([&] { const rt::Binding binding(space, buffer); }).code(), ENOSPC);
    const std::uint64_t first = rt::Binding(space, buffer).va();
    EXPECT_EQ(rt::Binding(space, buffer).va(), first);
}

TEST_F(DrmDeviceTest, SyncPointsBecomeBinaryAndTimelineSyncobjs) {
    const auto device = rt::open_card(os);
    rt::AddressSpace space(*device);
    rt::Queue queue(space, {});
    const rt::Syncobj in(*device), out(*device);
    const drm_skald_job job{};
    const std::vector<rt::SyncPoint> points = {in.after(), out.signal(9)};
    queue.submit({&job, 1}, points);
    ASSERT_EQ(os.syncs.size(), 2u);
    EXPECT_EQ(os.syncs[0].flags, static_cast<std::uint32_t>(DRM_SKALD_SYNC_SYNCOBJ));
    EXPECT_EQ(os.syncs[0].timeline_value, 0u);
    EXPECT_EQ(os.syncs[1].flags, DRM_SKALD_SYNC_TIMELINE_SYNCOBJ | DRM_SKALD_SYNC_SIGNAL);
    EXPECT_EQ(os.syncs[1].timeline_value, 9u);
}

TEST_F(DrmDeviceTest, ASyncobjWaitThatRunsOutIsNoError) {
    const auto device = rt::open_card(os);
    const rt::Syncobj sync(*device);
    os.fail_call["syncobj_wait"] = ETIME;
    EXPECT_FALSE(sync.wait(1, 0));
    EXPECT_TRUE(sync.wait(1, 0));
}

TEST_F(DrmDeviceTest, QueuesCarryTheirEventAndOptions) {
    const auto device = rt::open_card(os);
    rt::AddressSpace space(*device);
    rt::QueueOptions options;
    options.priority = DRM_SKALD_PRIORITY_LOW;
    options.scratch_bytes = 8192;
    options.coalesce_tokens = 5;
    options.coalesce_us = 7;
    const rt::Queue queue(space, options);
    EXPECT_EQ(os.last_queue.priority, static_cast<std::uint32_t>(DRM_SKALD_PRIORITY_LOW));
    EXPECT_EQ(os.last_queue.scratch_size, 8192u);
    EXPECT_EQ(os.last_queue.coalesce_tokens, 5u);
    EXPECT_EQ(os.last_queue.coalesce_us, 7u);
    EXPECT_EQ(os.last_queue.eventfd, queue.event_fd());
}

TEST_F(DrmDeviceTest, ATimeoutOfWaitProgressReportsWhatIsThere) {
    const auto device = rt::open_card(os);
    rt::AddressSpace space(*device);
    rt::Queue queue(space, {});
    os.progress = 5;
    os.wait_result = -ETIME;
    EXPECT_EQ(queue.look(), (rt::Progress{5, 0}));
}

TEST_F(DrmDeviceTest, AJobThatFaultedIsExplainedWithItsMicroOp) {
    const auto device = rt::open_card(os);
    rt::AddressSpace space(*device);
    rt::Queue queue(space, {});
    isa::MicroOp op;
    op.opcode = static_cast<std::uint8_t>(isa::Opcode::MatMul);
    const std::vector<isa::MicroOp> program(3, op);
    queue.set_program(program);
    os.fault.reason = SKALD_FAULT_UNMAPPED;
    os.fault.address = 0xabc000;
    os.fault.op_index = 2;
    os.fault.seq = 1;
    os.last_status = SKALD_JOB_FAULT;
    const std::uint64_t job = queue.submit(drm_skald_job{});
    const Error error = error_of([&] { queue.wait_job(job); });
    EXPECT_EQ(error.code(), ENOTRECOVERABLE);
    for (const char* part : {"unmapped", "0xabc000", "micro-op 2", "matmul", "job 1"})
        EXPECT_TRUE(contains(error, part)) << error.what();
}

TEST_F(DrmDeviceTest, ASubmissionToABannedSpaceIsExplained) {
    const auto device = rt::open_card(os);
    rt::AddressSpace space(*device);
    rt::Queue queue(space, {});
    os.fault.reason = SKALD_FAULT_LOOP_BUDGET;
    os.fail_ioctl[DRM_IOCTL_SKALD_SUBMIT] = ENOTRECOVERABLE;
    const Error error = error_of([&] { queue.submit(drm_skald_job{}); });
    EXPECT_TRUE(contains(error, "loop budget")) << error.what();
}

TEST_F(DrmDeviceTest, ACancelledJobIsAnErrorOfItsOwn) {
    const auto device = rt::open_card(os);
    rt::AddressSpace space(*device);
    rt::Queue queue(space, {});
    os.last_status = SKALD_JOB_CANCELLED;
    const std::uint64_t job = queue.submit(drm_skald_job{});
    EXPECT_EQ(error_of([&] { queue.wait_job(job); }).code(), ECANCELED);
}

class ModelUploadTest : public DrmDeviceTest {
  protected:
    rt::ModelImage image() { return {info_, program_, {memory_, sizeof memory_}}; }

  private:
    alignas(4096) static inline std::byte memory_[12288];
    container::ModelInfo info_{};
    std::vector<isa::MicroOp> program_{4};
};

TEST_F(ModelUploadTest, FallsBackToStagingWhereMemoryCannotBePinned) {
    const auto device = rt::open_card(os);
    os.fail_ioctl[DRM_IOCTL_SKALD_BO_USERPTR] = EFAULT;
    const rt::Model model(*device, image());
    EXPECT_EQ(model.program_va() - model.weights_va(), 12288u);
    EXPECT_EQ(os.jobs.size(), 2u);  // one for the weights, one for the program
}

TEST_F(ModelUploadTest, KeepsOnlyTheModelsOwnBuffer) {
    const auto device = rt::open_card(os);
    const rt::Model model(*device, image());
    EXPECT_EQ(os.buffers.size(), 1u);
    EXPECT_TRUE(os.queues.empty());
}

// What others have on the card would have made room.
TEST_F(ModelUploadTest, SaysWhatAModelNeedsThatDoesNotFitAndNotWhatOthersHave) {
    const auto device = rt::open_card(os);
    os.fail_ioctl[DRM_IOCTL_SKALD_BO_CREATE] = ENOSPC;
    os.usage.mem_used = 100u << 20;
    const Error error = error_of([&] { const rt::Model model(*device, image()); });
    EXPECT_EQ(error.code(), ENOSPC);
    EXPECT_TRUE(contains(error, "the card has 256.0 MiB of memory")) << error.what();
    EXPECT_TRUE(contains(error, "beside what this program and the firmware have")) << error.what();
    EXPECT_FALSE(contains(error, "100.0 MiB")) << error.what();
    EXPECT_TRUE(os.vms.empty());
}

}  // namespace
}  // namespace skald::test
