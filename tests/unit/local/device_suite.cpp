// SPDX-License-Identifier: MIT
// What every back end of rt::Device must do: memory, address spaces, jobs, faults, fences,
// progress.
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <deque>
#include <vector>

#include "job_fixture.hpp"
#include "libskald/syncobj.hpp"
#include "skald/fault.h"
#include "skald/ring.h"

namespace skald::test {
namespace {

using Device = JobTest;

constexpr std::uint64_t kMagic = 0x5ca1ab1e5ca1ab1e;

Program store_magic(std::uint64_t va) {
    Program program;
    program.set(1, kMagic).store(va, 1).end();
    return program;
}

TEST_F(Device, SaysWhatItIs) {
    EXPECT_GE(device->info().mem_size, 64u << 20);
    EXPECT_EQ(device->info().card_page_size, 2u << 20);
    EXPECT_EQ(device->info().system_page_size, 4096u);
    EXPECT_GE(device->info().engine_threads, 1u);
    EXPECT_NE(device->firmware().version, 0u);
    EXPECT_FALSE(device->name().empty());
}

TEST_F(Device, TellsOfTheModelledChipWhatItHasDone) {
    const auto before = device->model();
    ASSERT_TRUE(before);
    EXPECT_STREQ(before->name, "sk1");
    EXPECT_EQ(before->flags, static_cast<unsigned>(DRM_SKALD_MODEL_ENERGY));
    EXPECT_EQ(before->rated_mw, 75000u);
    Workbench bench(*device);
    bench.run(store_magic(bench.data_va()));
    const auto after = device->model();
    ASSERT_TRUE(after);
    EXPECT_GT(after->jobs, before->jobs);
    EXPECT_GT(after->apart_ns, before->apart_ns) << "what a job takes besides its micro-ops";
}

void expect_zero_and_fill(rt::Buffer buffer) {
    const auto bytes = buffer.map();
    EXPECT_EQ(buffer.bytes() % buffer.page(), 0u);
    EXPECT_TRUE(std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; }));
    std::ranges::fill(bytes, std::byte{0xff});
}

TEST_F(Device, NewBuffersAreZeroAlsoWhenTheMemoryWasUsedBefore) {
    for (int round = 0; round < 3; round++) {
        expect_zero_and_fill(rt::Buffer::card(*device, 3u << 20));
        expect_zero_and_fill(rt::Buffer::system(*device, 5000));
    }
}

TEST_F(Device, CountsTheMemoryInUse) {
    const std::uint64_t before = device->usage().mem_used;
    {
        const rt::Buffer buffer = rt::Buffer::card(*device, 4u << 20);
        EXPECT_GE(device->usage().mem_used, before + (4u << 20));
    }
    EXPECT_LT(device->usage().mem_used, before + (4u << 20));
}

TEST_F(Device, RefusesMoreMemoryThanThereIs) {
    const auto error =
        error_of([&] { (void)rt::Buffer::card(*device, 2 * device->info().mem_size); });
    EXPECT_EQ(error.code(), ENOSPC) << error.what();
    const rt::Buffer buffer = rt::Buffer::card(*device, 1);  // and goes on
}

TEST_F(Device, RefusesABufferOfNothing) {
    EXPECT_EQ(error_of([&] { (void)rt::Buffer::card(*device, 0); }).code(), EINVAL);
}

TEST_F(Device, RunsAJobThatWritesCardMemory) {
    Workbench bench(*device);
    bench.run(store_magic(bench.data_va()));
    EXPECT_EQ(bench.data<std::uint64_t>(), kMagic);
}

TEST_F(Device, CopiesBetweenCardAndSystemMemory) {
    Workbench bench(*device);
    rt::Buffer system = rt::Buffer::system(*device, 8192);
    const rt::Binding binding(bench.space, system);
    std::memset(system.map().data(), 0x5a, 4096);
    Program program;
    program.copy(bench.data_va(), binding.va() + 100, 3000)
        .copy(binding.va() + 4097, bench.data_va(), 3000)
        .end();
    bench.run(program);
    const auto bytes = system.map();
    EXPECT_TRUE(std::all_of(bytes.begin() + 4097, bytes.begin() + 4097 + 3000,
                            [](std::byte b) { return b == std::byte{0x5a}; }));
    EXPECT_EQ(bytes[4096], std::byte{0});
    EXPECT_EQ(bytes[4097 + 3000], std::byte{0});
}

class OwnMemory : public JobTest {
  protected:
    struct alignas(4096) Page {
        std::byte bytes[4096];
    };
    std::vector<Page> pages = std::vector<Page>(4);
    std::span<const std::byte> memory() { return std::as_bytes(std::span(pages)); }
};

TEST_F(OwnMemory, CanBeReadByTheCard) {
    pages[3].bytes[5] = std::byte{0x77};
    Workbench bench(*device);
    const rt::Buffer buffer = rt::Buffer::over(*device, memory());
    const rt::Binding binding(bench.space, buffer);
    Program program;
    program.copy(bench.data_va(), binding.va() + 3 * 4096, 64).end();
    bench.run(program);
    EXPECT_EQ(bench.data<std::byte>(5), std::byte{0x77});
}

TEST_F(OwnMemory, CannotBeWrittenByTheCard) {
    Workbench bench(*device);
    const rt::Buffer buffer = rt::Buffer::over(*device, memory());
    const rt::Binding binding(bench.space, buffer);
    Program program;
    program.copy(binding.va(), bench.data_va(), 64).end();
    bench.data<std::uint64_t>() = kMagic;
    const auto error = error_of([&] { bench.run(program); });
    EXPECT_EQ(error.code(), ENOTRECOVERABLE);
    EXPECT_TRUE(contains(error, "read-only")) << error.what();
    EXPECT_EQ(pages[0].bytes[0], std::byte{0});
}

TEST_F(OwnMemory, CannotBeBoundWritable) {
    rt::AddressSpace space(*device);
    const rt::Buffer buffer = rt::Buffer::over(*device, memory());
    drm_skald_bind_op op{};
    op.handle = static_cast<std::uint32_t>(buffer.id());
    op.va = space.reserve(buffer.bytes(), 4096);
    op.range = buffer.bytes();
    EXPECT_EQ(error_of([&] { device->bind(space.id(), {&op, 1}, {}); }).code(), EACCES);
}

TEST_F(OwnMemory, MustBeWholePages) {
    EXPECT_EQ(error_of([&] { (void)rt::Buffer::over(*device, memory().subspan(1, 4096)); }).code(),
              EINVAL);
    EXPECT_EQ(error_of([&] { (void)rt::Buffer::over(*device, memory().first(5000)); }).code(),
              EINVAL);
}

TEST_F(Device, ExplainsAFaultAndTakesNoMoreJobs) {
    Workbench bench(*device);
    rt::Queue queue(bench.space, {});
    Program program;
    program.set(1, 1).store(0x123456000, 1).end();
    queue.set_program(program.ops());
    const std::uint64_t number = queue.submit(bench.job(program));
    const auto error = error_of([&] { queue.wait_job(number); });
    EXPECT_EQ(error.code(), ENOTRECOVERABLE);
    for (const char* part : {"unmapped", "0x123456000", "micro-op 1 (store)", "job 1"})
        EXPECT_TRUE(contains(error, part)) << error.what();
    const auto again = error_of([&] { queue.submit(bench.job(program)); });
    EXPECT_EQ(again.code(), ENOTRECOVERABLE);
    EXPECT_TRUE(contains(again, "unmapped")) << again.what();
}

TEST_F(Device, AFaultConcernsItsAddressSpaceOnly) {
    Workbench bad(*device), good(*device);
    Program broken;
    broken.raw({}).end();
    const auto error = error_of([&] { bad.run(broken); });
    EXPECT_TRUE(contains(error, "unknown opcode")) << error.what();
    good.run(store_magic(good.data_va()));
    EXPECT_EQ(good.data<std::uint64_t>(), kMagic);
}

TEST_F(Device, ATotalBanStillLetsQueuesGo) {
    for (int i = 0; i < 70; i++) {  // more than there are contexts
        Workbench bench(*device);
        Program broken;
        broken.raw({}).end();
        EXPECT_EQ(error_of([&] { bench.run(broken); }).code(), ENOTRECOVERABLE);
    }
}

TEST_F(Device, HasSoManyAddressSpacesAndNoMore) {
    std::deque<rt::AddressSpace> spaces;
    const auto error = error_of([&] {
        for (std::uint32_t i = 0; i <= device->info().num_contexts; i++)
            spaces.emplace_back(*device);
    });
    EXPECT_EQ(error.code(), EUSERS) << error.what();
    EXPECT_LE(spaces.size(), device->info().num_contexts);
    spaces.pop_back();
    spaces.emplace_back(*device);
}

TEST_F(Device, UnboundMemoryIsGone) {
    Workbench bench(*device);
    rt::Buffer buffer = rt::Buffer::system(*device, 4096);
    std::uint64_t va = 0;
    {
        const rt::Binding binding(bench.space, buffer);
        va = binding.va();
        Program program;
        program.copy(va, bench.data_va(), 8).end();
        bench.run(program);
    }
    Program program;
    program.copy(va, bench.data_va(), 8).end();
    EXPECT_TRUE(contains(error_of([&] { bench.run(program); }), "unmapped"));
}

TEST_F(Device, ABindReplacesWhatWasThere) {
    Workbench bench(*device);
    rt::Buffer first = rt::Buffer::system(*device, 4096);
    rt::Buffer second = rt::Buffer::system(*device, 4096);
    const rt::Binding binding(bench.space, first);
    Program program;
    program.copy(binding.va(), bench.data_va(), 8).end();
    bench.data<std::uint64_t>() = 1;
    bench.run(program);
    bench.space.bind_at(binding.va(), second);
    bench.data<std::uint64_t>() = 2;
    bench.run(program);
    EXPECT_EQ(*reinterpret_cast<std::uint64_t*>(first.map().data()), 1u);
    EXPECT_EQ(*reinterpret_cast<std::uint64_t*>(second.map().data()), 2u);
}

TEST_F(Device, PartsOfABigPageCanBeUnbound) {
    Workbench bench(*device);
    rt::Buffer buffer = rt::Buffer::card(*device, 2u << 20);
    const rt::Binding binding(bench.space, buffer);
    bench.space.unbind(binding.va() + 8192, 4096);
    bench.run(store_magic(binding.va() + 4096));
    bench.run(store_magic(binding.va() + 12288));
    EXPECT_EQ(*reinterpret_cast<std::uint64_t*>(buffer.map().data() + 4096), kMagic);
    EXPECT_EQ(*reinterpret_cast<std::uint64_t*>(buffer.map().data() + 12288), kMagic);
    EXPECT_TRUE(
        contains(error_of([&] { bench.run(store_magic(binding.va() + 8192)); }), "unmapped"));
}

TEST_F(Device, BadBindsAreRefused) {
    rt::AddressSpace space(*device);
    const rt::Buffer buffer = rt::Buffer::card(*device, 1);
    drm_skald_bind_op good{};
    good.handle = static_cast<std::uint32_t>(buffer.id());
    good.va = 4u << 20;
    good.range = 2u << 20;
    const auto code_with = [&](auto change) {
        drm_skald_bind_op op = good;
        change(op);
        return error_of([&] { device->bind(space.id(), {&op, 1}, {}); }).code();
    };
    device->bind(space.id(), {&good, 1}, {});
    EXPECT_EQ(code_with([](auto& op) { op.va = 0; }), EINVAL);
    EXPECT_EQ(code_with([](auto& op) { op.va += 4096; }), EINVAL);
    EXPECT_EQ(code_with([](auto& op) { op.range = 4096; }), EINVAL);
    EXPECT_EQ(code_with([](auto& op) { op.range = 0; }), EINVAL);
    EXPECT_EQ(code_with([](auto& op) { op.range = 4u << 20; }), EINVAL);
    EXPECT_EQ(code_with([&](auto& op) { op.va = device->info().va_end; }), EINVAL);
    EXPECT_EQ(code_with([](auto& op) { op.handle = 99999; }), ENOENT);
    EXPECT_EQ(code_with([](auto& op) { op.flags = 0x80; }), EINVAL);
}

// Waits until the semaphore at data + 8 is set, then writes the magic to data.
Program store_magic_when_released(const Workbench& bench) {
    Program program;
    program.wait_semaphore(bench.data_va() + 8, 1).set(1, kMagic).store(bench.data_va(), 1).end();
    return program;
}

TEST_F(Device, JobsWaitForAndSignalTimelinePoints) {
    Workbench bench(*device), other(*device);
    const rt::Syncobj sync(*device);
    rt::Queue first(bench.space, {}), second(bench.space, {}), waiter(other.space, {});
    const drm_skald_job job = bench.job(store_magic(bench.data_va()));
    const rt::SyncPoint one = sync.signal(1);
    first.submit({&job, 1}, {&one, 1});
    EXPECT_TRUE(sync.wait(1));
    EXPECT_FALSE(sync.wait(2, 0));

    Workbench third(*device);  // a program that is held needs memory of its own
    rt::Queue held(third.space, {});
    const drm_skald_job slow = third.job(store_magic_when_released(third));
    const rt::SyncPoint two = sync.signal(2), after = sync.after(2);
    held.submit({&slow, 1}, {&two, 1});
    const drm_skald_job waiting = other.job(store_magic(other.data_va()));
    const std::uint64_t last = waiter.submit({&waiting, 1}, {&after, 1});
    second.wait_job(second.submit(job));  // others go on meanwhile
    EXPECT_EQ(waiter.look().completed, 0u);
    EXPECT_EQ(other.data<std::uint64_t>(), 0u);
    third.data<std::uint64_t>(8) = 1;
    waiter.wait_job(last);
    EXPECT_EQ(third.data<std::uint64_t>(), kMagic);
    EXPECT_EQ(other.data<std::uint64_t>(), kMagic);
    EXPECT_TRUE(sync.wait(2, 0));
}

TEST_F(Device, NothingWaitsForWhatWasNotSubmitted) {
    Workbench bench(*device);
    const rt::Syncobj sync(*device);
    rt::Queue queue(bench.space, {});
    const drm_skald_job job = bench.job(store_magic(bench.data_va()));
    for (const rt::SyncPoint& after : {sync.after(), sync.after(3)})
        EXPECT_EQ(error_of([&] { queue.submit({&job, 1}, {&after, 1}); }).code(), EINVAL);
    EXPECT_EQ(queue.stats().submitted, 0u);
}

TEST_F(Device, TellsWhenJobsPassedWhichPlace) {
    Workbench bench(*device);
    rt::QueueOptions options;
    options.keep_stamps = true;
    rt::Queue queue(bench.space, options);
    const std::int64_t began = device->os().now_ns();
    const drm_skald_query_clock before = device->clock();
    EXPECT_LE(before.before_ns, before.after_ns);
    for (int i = 0; i < 5; i++)
        queue.wait_job(queue.submit(bench.job(Program().end())));
    EXPECT_TRUE(queue.stamps(6).empty());
    const auto stamps = queue.stamps(2);
    ASSERT_EQ(stamps.size(), 4u);
    std::int64_t last = began;
    std::uint64_t card_last = before.card_ns;
    for (std::size_t i = 0; i < stamps.size(); i++) {
        const drm_skald_job_stamps& job = stamps[i];
        EXPECT_EQ(job.seq, i + 2);
        EXPECT_LE(last, job.submit_ns);
        EXPECT_LE(job.submit_ns, job.pushed_ns);
        EXPECT_LE(job.pushed_ns, job.doorbell_ns);
        EXPECT_LT(job.doorbell_ns, job.interrupt_ns);
        EXPECT_LE(job.interrupt_ns, job.seen_ns);
        EXPECT_LT(card_last, job.card_doorbell_ns);
        EXPECT_LE(job.card_doorbell_ns, job.card_launched_ns);
        EXPECT_LE(job.card_launched_ns, job.card_began_ns);
        EXPECT_LE(job.card_began_ns, job.card_ended_ns);
        EXPECT_LE(job.card_ended_ns, job.card_written_ns);
        last = job.seen_ns;
        card_last = job.card_written_ns;
    }
    EXPECT_LT(card_last, device->clock().card_ns);
}

TEST_F(Device, AQueueKeepsNoStampsUnlessAsked) {
    Workbench bench(*device);
    rt::Queue queue(bench.space, {});
    queue.wait_job(queue.submit(bench.job(Program().end())));
    EXPECT_EQ(error_of([&] { (void)queue.stamps(1); }).code(), EOPNOTSUPP);
}

TEST_F(Device, BinarySyncobjsOrderTwoQueues) {
    Workbench bench(*device), other(*device);
    const rt::Syncobj sync(*device);
    rt::Queue first(bench.space, {}), second(other.space, {});
    const drm_skald_job job = bench.job(store_magic(bench.data_va()));
    const drm_skald_job next = other.job(store_magic(other.data_va()));
    const rt::SyncPoint signal = sync.signal(), after = sync.after();
    first.submit({&job, 1}, {&signal, 1});
    second.wait_job(second.submit({&next, 1}, {&after, 1}));
    EXPECT_EQ(bench.data<std::uint64_t>(), kMagic);
    EXPECT_EQ(other.data<std::uint64_t>(), kMagic);
}

TEST_F(Device, MoreJobsThanTheRingHoldsRunInOrder) {
    Workbench bench(*device);
    rt::Queue queue(bench.space, {});
    Program program;
    isa::MicroOp add;
    add.opcode = static_cast<std::uint8_t>(isa::Opcode::Alu);
    add.aux = static_cast<std::uint8_t>(isa::AluOp::Add);
    add.flags = isa::kFlagImm;
    add.rd = add.ra = 1;
    add.imm = 1;
    program.load(1, bench.data_va()).raw(add).store(bench.data_va(), 1).end();
    const std::vector<drm_skald_job> jobs(50, bench.job(program));
    queue.submit(jobs);
    queue.wait_job(queue.submit(jobs));
    EXPECT_EQ(bench.data<std::uint64_t>(), 100u);
    EXPECT_EQ(queue.stats().completed, 100u);
    EXPECT_EQ(queue.stats().micro_ops, 400u);
}

TEST_F(Device, DestroyingAQueueEndsItsJobs) {
    Workbench bench(*device);
    {
        rt::Queue queue(bench.space, {});
        Program endless;
        endless.set(1, 1).store(bench.data_va(), 1).jump(0);
        queue.submit(bench.job(endless));
        queue.submit(bench.job(endless));
    }
    bench.data<std::uint64_t>() = 0;
    bench.run(store_magic(bench.data_va()));
    EXPECT_EQ(bench.data<std::uint64_t>(), kMagic);
}

TEST_F(Device, AWaitEndsAtItsDeadlineWithWhatIsThere) {
    Workbench bench(*device);
    rt::Queue queue(bench.space, {});
    Program waits;
    waits.wait_semaphore(bench.data_va(), 1).end();
    const std::uint64_t number = queue.submit(bench.job(waits));
    const rt::Syncobj never(*device);
    EXPECT_FALSE(never.wait(5, device->os().now_ns() + 20'000'000));
    EXPECT_EQ(queue.look(), (rt::Progress{0, 0}));
    bench.data<std::uint64_t>() = 1;
    queue.wait_job(number);
}

TEST_F(Device, TokensAdvanceProgressAndWakeTheEvent) {
    struct Tables {
        isa::Sequence sequence;
        isa::Row row;
        std::uint32_t token;
        std::uint32_t pad;
        skald_token ring[4];
    };
    Workbench bench(*device);
    rt::Queue queue(bench.space, {});
    Tables& tables = bench.data<Tables>();
    tables.sequence.remaining = 3;
    tables.row.position = 17;
    tables.token = 42;
    const auto va = [&](const void* field) {
        return bench.data_va() + static_cast<std::uint64_t>(static_cast<const char*>(field) -
                                                            reinterpret_cast<char*>(&tables));
    };
    Program program;
    program.set(3, 0).set(4, 3);
    for (int i = 0; i < 3; i++)
        program.token_out(va(&tables.token), va(&tables.sequence), va(tables.ring),
                          va(&tables.row));
    program.end();
    const std::uint64_t number = queue.submit(bench.job(program));
    pollfd event{queue.event_fd(), POLLIN, 0};
    EXPECT_EQ(device->os().poll({&event, 1}, rt::kNoDeadline), 1);
    queue.wait_job(number);
    EXPECT_EQ(queue.look(), (rt::Progress{3, 1}));
    EXPECT_EQ(tables.ring[2].token, 42u);
    EXPECT_EQ(tables.ring[2].position, 17u);
    EXPECT_EQ(tables.ring[1].flags, 0u);
    EXPECT_EQ(tables.ring[2].flags, SKALD_TOKEN_LAST);
    queue.clear_event();
    EXPECT_EQ(device->os().poll({&event, 1}, 0), 0);
}

TEST_F(Device, IdsThatDoNotExistAreErrors) {
    EXPECT_EQ(error_of([&] { (void)device->query_vm(rt::VmId{4321}); }).code(), ENOENT);
    EXPECT_EQ(error_of([&] { (void)device->query_queue(rt::QueueId{4321}); }).code(), ENOENT);
    EXPECT_EQ(error_of([&] { (void)device->map_buffer(rt::BufferId{4321}, 4096); }).code(), ENOENT);
    rt::QueueConfig config;
    config.vm = rt::VmId{4321};
    EXPECT_EQ(error_of([&] { (void)device->create_queue(config); }).code(), ENOENT);
}

}  // namespace
}  // namespace skald::test
