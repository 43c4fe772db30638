// SPDX-License-Identifier: MIT
#include "calls.hpp"

#include <fcntl.h>
#include <libdrm/drm.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>

#include "client.hpp"
#include "context.hpp"
#include "skald/regs.h"
#include "skald/ring.h"

namespace skald::test {
namespace {

constexpr std::int64_t kMostWait = 3000000;  // ns
constexpr std::size_t kMostMappings = 12, kMostFiles = 16, kMostRings = 4;
// Where the driver has put mappings of queues so far; no promise of it.
constexpr std::uint64_t kQueueMappings = 1ull << 42;

// A moment that is over, or nearly.
std::int64_t soon(Choices& choose) {
    switch (choose.below(4)) {
        case 0:
            return 0;
        case 1:
            return -static_cast<std::int64_t>(choose.any() >> 1);
        default:
            return monotonic_ns() + static_cast<std::int64_t>(choose.below(kMostWait));
    }
}

void keep(Client& client, Fd file) {
    if (client.files.size() >= kMostFiles)
        client.files.erase(client.files.begin() +
                           static_cast<std::ptrdiff_t>(client.choose.below(kMostFiles)));
    client.files.push_back(std::move(file));
}

int some_file(Client& client) {
    Choices& choose = client.choose;
    if (!client.files.empty() && !choose.one_in(6))
        return client.files[choose.below(client.files.size())].get();
    return choose.of({-1, 0, client.device.fd(), 9999, static_cast<int>(choose.any())});
}

std::vector<drm_skald_sync> some_syncs(Client& client) {
    Choices& choose = client.choose;
    std::vector<drm_skald_sync> syncs(choose.one_in(3) ? 1 + choose.below(4) : 0);
    for (drm_skald_sync& sync : syncs) {
        sync.flags = choose.of<std::uint32_t>({0, 1, 0, 1, 2, 255});
        if (!choose.one_in(3))
            sync.flags |= DRM_SKALD_SYNC_SIGNAL;
        sync.flags |= choose.flags(0);
        sync.handle = choose.handle(client.syncobjs);
        sync.timeline_value = choose.one_in(3)
                                  ? choose.of<std::uint64_t>({0, 1, 2, ~0ull, choose.any()})
                                  : (sync.flags & 1) * (1 + choose.below(64));
    }
    return syncs;
}

void query(Client& client) {
    Choices& choose = client.choose;
    drm_skald_query args{};
    args.type = choose.one_in(6) ? static_cast<std::uint32_t>(choose.any())
                                 : static_cast<std::uint32_t>(choose.below(6));
    args.size = choose.of<std::uint32_t>({0, 1, 16, 24, 48, 72, 80, 4096, ~0u});
    args.pointer = choose.one_in(4) ? 0 : client.arena.room(choose, 128);
    client.ioctl("QUERY", DRM_IOCTL_SKALD_QUERY, &args);
}

void bo_create(Client& client) {
    Choices& choose = client.choose;
    drm_skald_bo_create args{};
    args.flags = choose.one_in(8)
                     ? choose.flags(3)
                     : choose.of<std::uint32_t>({DRM_SKALD_BO_CARD, DRM_SKALD_BO_SYSTEM});
    args.size = choose.size();
    // Memory of the machine is not what this is about.
    if (args.flags & DRM_SKALD_BO_SYSTEM && args.size < (1ull << 36))
        args.size %= kMiB;
    args.handle = choose.pad();
    if (client.ioctl("BO_CREATE", DRM_IOCTL_SKALD_BO_CREATE, &args) != 0)
        return;
    client.buffers.push_back(args.handle);
    client.sizes[args.handle] = args.size;
}

void bo_userptr(Client& client) {
    Choices& choose = client.choose;
    drm_skald_bo_userptr args{};
    args.size = choose.one_in(4) ? choose.size() : 4096 * (1 + choose.below(8));
    args.addr = client.arena.room(choose, 4096) & (choose.one_in(6) ? ~0ull : ~4095ull);
    // Of a mapping of our own, which is no memory of the machine.
    if (!client.mappings.empty() && choose.one_in(4))
        args.addr = reinterpret_cast<std::uint64_t>(
            client.mappings[choose.below(client.mappings.size())].bytes().data());
    args.flags = choose.one_in(8) ? choose.flags(3) : DRM_SKALD_USERPTR_READONLY;
    args.handle = choose.pad();
    if (client.ioctl("BO_USERPTR", DRM_IOCTL_SKALD_BO_USERPTR, &args) != 0)
        return;
    client.buffers.push_back(args.handle);
    client.sizes[args.handle] = args.size;
}

void map(Client& client) {
    Choices& choose = client.choose;
    drm_skald_bo_mmap_offset args{};
    args.handle = choose.handle(client.buffers);
    args.flags = choose.pad();
    if (client.ioctl("BO_MMAP_OFFSET", DRM_IOCTL_SKALD_BO_MMAP_OFFSET, &args) != 0)
        return;
    std::size_t bytes = choose.one_in(4) ? choose.size() : kBig;
    if (bytes == 0 || bytes > 64 * kMiB)
        bytes = 4096;
    if (choose.one_in(8))
        args.offset += choose.of<std::uint64_t>({4096, kBig, ~0ull << 12, 1ull << 40});
    const int protection = choose.of({PROT_READ, PROT_READ | PROT_WRITE, PROT_WRITE, PROT_NONE,
                                      PROT_READ | PROT_WRITE | PROT_EXEC});
    void* const at = ::mmap(nullptr, bytes, protection, choose.one_in(6) ? MAP_PRIVATE : MAP_SHARED,
                            client.device.fd(), static_cast<off_t>(args.offset));
    client.count("mmap", at == MAP_FAILED ? errno : 0);
    if (at == MAP_FAILED)
        return;
    if (client.mappings.size() >= kMostMappings)
        client.mappings.erase(client.mappings.begin() +
                              static_cast<std::ptrdiff_t>(choose.below(kMostMappings)));
    client.mappings.emplace_back(at, bytes);
}

// Through the kernel, which gets an error where we would get a signal.
void touch(Client& client) {
    Choices& choose = client.choose;
    if (client.mappings.empty())
        return;
    const Mapping& mapping = client.mappings[choose.below(client.mappings.size())];
    const std::size_t at = choose.below(mapping.bytes().size()) & ~std::size_t{7};
    std::array<int, 2> ends;
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0)
        return;
    const Fd out(ends[0]), in(ends[1]);
    std::uint8_t* const where = mapping.bytes().data() + at;
    const bool into = choose.one_in(2);
    if (into && ::write(in.get(), &at, sizeof(at)) != sizeof(at))
        return;
    const ssize_t n = into ? ::read(out.get(), where, 8) : ::write(in.get(), where, 8);
    client.count(into ? "write to a mapping" : "read of a mapping", n < 0 ? errno : 0);
}

void gem_close(Client& client) {
    if (!client.choose.one_in(3))
        return;
    drm_gem_close args{client.choose.handle(client.buffers), client.choose.pad()};
    if (client.ioctl("GEM_CLOSE", DRM_IOCTL_GEM_CLOSE, &args) == 0)
        std::erase(client.buffers, args.handle);
}

void vm_create(Client& client) {
    drm_skald_vm_create args{client.choose.pad(), client.choose.pad()};
    if (client.ioctl("VM_CREATE", DRM_IOCTL_SKALD_VM_CREATE, &args) == 0)
        client.spaces.push_back(args.vm_id);
}

void vm_destroy(Client& client) {
    drm_skald_vm_destroy args{client.choose.handle(client.spaces), client.choose.pad()};
    if (client.ioctl("VM_DESTROY", DRM_IOCTL_SKALD_VM_DESTROY, &args) == 0)
        std::erase(client.spaces, args.vm_id);
}

// One that is in order, as far as the sizes are known.
drm_skald_bind_op good_op(Client& client) {
    Choices& choose = client.choose;
    drm_skald_bind_op op{};
    op.va = kBase + kBig * choose.below(64);
    op.range = kBig;
    if (choose.one_in(4)) {
        op.flags = DRM_SKALD_BIND_UNMAP;
        return op;
    }
    op.flags = DRM_SKALD_BIND_MAP | (choose.one_in(3) ? DRM_SKALD_BIND_READONLY : 0);
    op.handle = choose.handle(client.buffers);
    if (const auto size = client.sizes.find(op.handle); size != client.sizes.end())
        op.range = size->second;
    return op;
}

void vm_bind(Client& client) {
    Choices& choose = client.choose;
    std::vector<drm_skald_bind_op> ops(1 + choose.below(choose.one_in(8) ? 64 : 4));
    const bool good = choose.one_in(2);
    for (drm_skald_bind_op& op : ops) {
        if (good) {
            op = good_op(client);
            continue;
        }
        op.flags = choose.one_in(4) ? DRM_SKALD_BIND_UNMAP : DRM_SKALD_BIND_MAP;
        if (choose.one_in(4))
            op.flags |= DRM_SKALD_BIND_READONLY;
        if (choose.one_in(16))
            op.flags = choose.flags(0x1f);
        if (op.flags != DRM_SKALD_BIND_UNMAP || choose.one_in(12))
            op.handle = choose.handle(client.buffers);
        op.va = choose.va();
        op.range = choose.size();
        op.offset = choose.one_in(4) ? choose.size() : 0;
    }
    drm_skald_vm_bind args{};
    args.vm_id = choose.handle(client.spaces);
    args.flags = choose.flags(DRM_SKALD_VM_BIND_ASYNC);
    args.ops = client.array(ops);
    args.syncs = client.array(some_syncs(client));
    client.ioctl("VM_BIND", DRM_IOCTL_SKALD_VM_BIND, &args);
}

void vm_query(Client& client) {
    drm_skald_vm_query args{};
    args.vm_id = client.choose.handle(client.spaces);
    args.pad = client.choose.pad();
    client.ioctl("VM_QUERY", DRM_IOCTL_SKALD_VM_QUERY, &args);
}

Mapping map_of_queue(Client& client, std::uint64_t offset) {
    void* const at = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, client.device.fd(),
                            static_cast<off_t>(offset));
    client.count("mmap of a queue", at == MAP_FAILED ? errno : 0);
    return at == MAP_FAILED ? Mapping() : Mapping(at, 4096);
}

void map_user_ring(Client& client, std::uint64_t offset) {
    UserRing ring{map_of_queue(client, offset + DRM_SKALD_QUEUE_MMAP_DOORBELL),
                  map_of_queue(client, offset + DRM_SKALD_QUEUE_MMAP_RING)};
    if (!ring.doorbell || !ring.entries)
        return;
    if (client.rings.size() >= kMostRings)
        client.rings.erase(client.rings.begin() +
                           static_cast<std::ptrdiff_t>(client.choose.below(kMostRings)));
    client.rings.push_back(std::move(ring));
}

// Where queues may be mapped, in a way that may be wrong; of whomever.
void map_any_queue(Client& client) {
    Choices& choose = client.choose;
    const std::uint64_t offset =
        kQueueMappings + choose.below(SKALD_MAX_QUEUES + 1) * DRM_SKALD_QUEUE_MMAP_BYTES +
        choose.of<std::uint64_t>({DRM_SKALD_QUEUE_MMAP_DOORBELL, DRM_SKALD_QUEUE_MMAP_RING,
                                  DRM_SKALD_QUEUE_MMAP_BYTES - 4096});
    const std::size_t bytes = choose.one_in(3) ? 4096 * (1 + choose.below(8)) : 4096;
    const int protection = choose.of(
        {PROT_READ, PROT_READ | PROT_WRITE, PROT_WRITE, PROT_NONE, PROT_READ | PROT_EXEC});
    void* const at = ::mmap(nullptr, bytes, protection, choose.one_in(6) ? MAP_PRIVATE : MAP_SHARED,
                            client.device.fd(), static_cast<off_t>(offset));
    client.count("mmap of any queue", at == MAP_FAILED ? errno : 0);
    if (at != MAP_FAILED && protection != PROT_NONE)
        client.mappings.emplace_back(at, bytes);
    else if (at != MAP_FAILED)
        ::munmap(at, bytes);
}

// An entry that is right, or nearly, or anything.
skald_ring_entry some_entry(Choices& choose, std::uint64_t seq) {
    skald_ring_entry entry{};
    entry.seq = seq;
    entry.program_va = kBase;
    entry.args_va = kBase + kArgs;
    entry.program_ops = 8;
    entry.loop_budget = choose.one_in(8) ? choose.any() : 1000;
    entry.time_budget = choose.one_in(4) ? choose.any() : 1000;
    if (!choose.one_in(6))
        return entry;
    std::array<std::uint64_t, sizeof(entry) / 8> words;
    std::memcpy(words.data(), &entry, sizeof(entry));
    for (std::uint64_t& word : words)
        if (choose.one_in(3))
            word = choose.one_in(2) ? choose.any() : choose.va();
    std::memcpy(&entry, words.data(), sizeof(entry));
    return entry;
}

// Plain stores: a signal for one of them would end the process, and so the test.
void scribble(Client& client) {
    Choices& choose = client.choose;
    if (client.rings.empty())
        return;
    UserRing& ring = client.rings[choose.below(client.rings.size())];
    const std::uint64_t jobs = choose.one_in(12) ? choose.below(300) : choose.below(4);
    for (std::uint64_t seq = ring.tail + 1; seq <= ring.tail + jobs; ++seq) {
        const skald_ring_entry entry = some_entry(choose, seq);
        std::memcpy(
            ring.entries.bytes().data() + (seq - 1) % SKALD_COMPLETION_SLOTS * sizeof(entry),
            &entry, sizeof(entry));
    }
    std::atomic_thread_fence(std::memory_order_seq_cst);
    switch (choose.below(8)) {
        case 0:
            for (int i = 0; i < 16; ++i)
                ring.doorbell.at<std::uint32_t>(0) = static_cast<std::uint32_t>(choose.any());
            break;
        case 1:
            ring.doorbell.at<std::uint64_t>(8 * choose.below(512)) = choose.any();
            break;
        case 2:
            ring.doorbell.at<std::uint8_t>(choose.below(4096)) =
                static_cast<std::uint8_t>(choose.any());
            break;
        case 3:
            ring.entries.at<std::uint64_t>(8 * choose.below(512)) = choose.any();
            break;
        default:
            ring.tail += jobs;
            ring.doorbell.at<std::uint32_t>(0) = static_cast<std::uint32_t>(ring.tail);
            break;
    }
    client.count("scribble in a ring", 0);
}

void queue_create(Client& client) {
    Choices& choose = client.choose;
    drm_skald_queue_create args{};
    args.vm_id = choose.handle(client.spaces);
    args.priority = choose.one_in(8) ? static_cast<std::uint32_t>(choose.any())
                                     : static_cast<std::uint32_t>(choose.below(3));
    args.scratch_size = choose.one_in(3) ? static_cast<std::uint32_t>(choose.size()) : 65536;
    args.coalesce_tokens = choose.one_in(4) ? static_cast<std::uint32_t>(choose.any()) : 0;
    args.coalesce_us = choose.one_in(4) ? static_cast<std::uint32_t>(choose.any()) : 0;
    args.eventfd = choose.one_in(2) ? -1 : some_file(client);
    args.flags =
        choose.one_in(3)
            ? choose.flags(DRM_SKALD_QUEUE_KEEP_STAMPS | DRM_SKALD_QUEUE_USER_MODE)
            : choose.of<std::uint32_t>({0, DRM_SKALD_QUEUE_KEEP_STAMPS, DRM_SKALD_QUEUE_USER_MODE});
    args.queue_id = choose.pad();
    args.max_job_ms = choose.one_in(4) ? static_cast<std::uint32_t>(choose.any())
                                       : static_cast<std::uint32_t>(1 + choose.below(50));
    args.pad = choose.pad();
    if (client.ioctl("QUEUE_CREATE", DRM_IOCTL_SKALD_QUEUE_CREATE, &args) != 0)
        return;
    client.queues.push_back(args.queue_id);
    if ((args.flags & DRM_SKALD_QUEUE_USER_MODE) != 0)
        map_user_ring(client, args.mmap_offset);
}

void queue_destroy(Client& client) {
    if (!client.choose.one_in(3))
        return;
    drm_skald_queue_destroy args{client.choose.handle(client.queues), client.choose.pad()};
    if (client.ioctl("QUEUE_DESTROY", DRM_IOCTL_SKALD_QUEUE_DESTROY, &args) == 0)
        std::erase(client.queues, args.queue_id);
}

void queue_query(Client& client) {
    drm_skald_queue_query args{};
    args.queue_id = client.choose.handle(client.queues);
    args.last_status = client.choose.pad();
    client.ioctl("QUEUE_QUERY", DRM_IOCTL_SKALD_QUEUE_QUERY, &args);
}

void queue_stamps(Client& client) {
    Choices& choose = client.choose;
    drm_skald_queue_stamps args{};
    args.queue_id = choose.handle(client.queues);
    args.flags = choose.pad();
    args.first = choose.one_in(3) ? choose.any() : choose.below(300);
    args.stamps = client.array(std::vector<drm_skald_job_stamps>(choose.below(40)));
    client.ioctl("QUEUE_STAMPS", DRM_IOCTL_SKALD_QUEUE_STAMPS, &args);
}

// Something to run, for which a buffer has to be bound there and mapped here: at times it is.
void write_program(Client& client) {
    Choices& choose = client.choose;
    if (client.mappings.empty())
        return;
    Program program;
    switch (choose.below(8)) {
        default:
            program.set(1, choose.any()).store(choose.one_in(8) ? choose.va() : kDataVa, 1).end();
            break;
        case 0:
            program.copy(choose.va(), choose.va(), static_cast<std::uint32_t>(choose.below(8192)))
                .end();
            break;
        case 1:
            program.jump(0);
            break;
        case 2:
            for (int i = 0; i < 8; ++i) {
                isa::MicroOp op;
                std::array<std::uint64_t, sizeof(op) / 8> words;
                for (std::uint64_t& word : words)
                    word = choose.any();
                std::memcpy(static_cast<void*>(&op), words.data(), sizeof(op));
                program.raw(op);
            }
            break;
    }
    const Mapping& mapping =
        client.mappings[choose.one_in(2) ? 0 : choose.below(client.mappings.size())];
    std::array<int, 2> ends;
    const std::size_t bytes = program.ops().size_bytes();
    if (mapping.bytes().size() < bytes || ::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0)
        return;
    const Fd out(ends[0]), in(ends[1]);
    if (::write(in.get(), program.ops().data(), bytes) == static_cast<ssize_t>(bytes) &&
        ::read(out.get(), mapping.bytes().data(), bytes) < 0)
        client.count("write of a program", errno);
}

void submit(Client& client) {
    Choices& choose = client.choose;
    std::vector<drm_skald_job> jobs(choose.one_in(10) ? choose.below(200) : choose.below(5));
    const bool good = choose.one_in(2);
    for (drm_skald_job& job : jobs) {
        if (good) {
            job.program_va = kBase;
            job.args_va = kBase + kArgs;
            job.program_ops = 8;
            continue;
        }
        job.program_va = choose.va();
        job.args_va = choose.va();
        job.profile_va = choose.one_in(4) ? choose.va() : 0;
        job.time_budget_ns = choose.one_in(3) ? choose.any() : 1000000;
        job.loop_budget = choose.one_in(3) ? choose.any() : 1000;
        job.program_ops = choose.one_in(8) ? static_cast<std::uint32_t>(choose.any())
                                           : static_cast<std::uint32_t>(1 + choose.below(8));
        job.flags = choose.pad();
    }
    drm_skald_submit args{};
    args.queue_id = choose.handle(client.queues);
    args.flags = choose.pad();
    args.jobs = client.array(jobs);
    args.syncs = client.array(some_syncs(client));
    client.ioctl("SUBMIT", DRM_IOCTL_SKALD_SUBMIT, &args);
}

void wait_progress(Client& client) {
    Choices& choose = client.choose;
    drm_skald_wait_progress args{};
    args.queue_id = choose.handle(client.queues);
    args.pad = choose.pad();
    args.seen = choose.of<std::uint64_t>({0, 1, ~0ull, choose.any()});
    args.seen_completed = choose.of<std::uint64_t>({0, 1, ~0ull, choose.any()});
    args.timeout_ns = soon(choose);
    client.ioctl("WAIT_PROGRESS", DRM_IOCTL_SKALD_WAIT_PROGRESS, &args);
}

void syncobj_create(Client& client) {
    drm_syncobj_create args{0, client.choose.flags(DRM_SYNCOBJ_CREATE_SIGNALED)};
    if (client.ioctl("SYNCOBJ_CREATE", DRM_IOCTL_SYNCOBJ_CREATE, &args) == 0)
        client.syncobjs.push_back(args.handle);
}

void syncobj_destroy(Client& client) {
    drm_syncobj_destroy args{client.choose.handle(client.syncobjs), client.choose.pad()};
    if (client.ioctl("SYNCOBJ_DESTROY", DRM_IOCTL_SYNCOBJ_DESTROY, &args) == 0)
        std::erase(client.syncobjs, args.handle);
}

void syncobj_wait(Client& client) {
    Choices& choose = client.choose;
    std::vector<std::uint32_t> handles(1 + choose.below(3));
    for (std::uint32_t& handle : handles)
        handle = choose.handle(client.syncobjs);
    std::vector<std::uint64_t> points(handles.size(), choose.below(4));
    drm_syncobj_timeline_wait args{};
    args.handles = reinterpret_cast<std::uint64_t>(handles.data());
    args.points = reinterpret_cast<std::uint64_t>(points.data());
    args.count_handles = static_cast<std::uint32_t>(handles.size());
    args.flags = choose.flags(7);
    args.timeout_nsec = soon(choose);
    client.ioctl("SYNCOBJ_TIMELINE_WAIT", DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &args);
}

template <typename T>
std::uint64_t placed(Client& client, const std::vector<T>& items) {
    return client.arena.place(client.choose, {reinterpret_cast<const std::uint8_t*>(items.data()),
                                              items.size() * sizeof(T)});
}

// Reset, signal, query; with counts that the core takes without a warning.
void syncobj_arrays(Client& client) {
    Choices& choose = client.choose;
    std::vector<std::uint32_t> handles(1 + choose.below(4));
    for (std::uint32_t& handle : handles)
        handle = choose.handle(client.syncobjs);
    const std::vector<std::uint64_t> points(handles.size(), choose.one_in(3) ? choose.any() : 1);
    drm_syncobj_timeline_array args{};
    args.handles = placed(client, handles);
    args.points = placed(client, points);
    args.count_handles = choose.one_in(8) ? choose.of<std::uint32_t>({0, 1024, 65537})
                                          : static_cast<std::uint32_t>(handles.size());
    args.flags = choose.flags(1);
    drm_syncobj_array plain{args.handles, args.count_handles, choose.pad()};
    switch (choose.below(4)) {
        case 0:
            client.ioctl("SYNCOBJ_RESET", DRM_IOCTL_SYNCOBJ_RESET, &plain);
            break;
        case 1:
            client.ioctl("SYNCOBJ_SIGNAL", DRM_IOCTL_SYNCOBJ_SIGNAL, &plain);
            break;
        case 2:
            client.ioctl("SYNCOBJ_QUERY", DRM_IOCTL_SYNCOBJ_QUERY, &args);
            break;
        default:
            client.ioctl("SYNCOBJ_TIMELINE_SIGNAL", DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &args);
            break;
    }
}

void syncobj_files(Client& client) {
    Choices& choose = client.choose;
    drm_syncobj_handle args{};
    args.handle = choose.handle(client.syncobjs);
    args.flags = choose.flags(1);
    args.fd = some_file(client);
    if (choose.one_in(2)) {
        if (client.ioctl("SYNCOBJ_HANDLE_TO_FD", DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &args) == 0)
            keep(client, Fd(args.fd));
    } else if (client.ioctl("SYNCOBJ_FD_TO_HANDLE", DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &args) == 0 &&
               (args.flags & 1) == 0) {
        client.syncobjs.push_back(args.handle);
    }
}

void prime(Client& client) {
    Choices& choose = client.choose;
    drm_prime_handle args{};
    args.handle = choose.handle(client.buffers);
    args.flags = choose.flags(DRM_CLOEXEC | DRM_RDWR);
    args.fd = some_file(client);
    if (choose.one_in(2)) {
        if (client.ioctl("PRIME_HANDLE_TO_FD", DRM_IOCTL_PRIME_HANDLE_TO_FD, &args) == 0)
            keep(client, Fd(args.fd));
    } else if (client.ioctl("PRIME_FD_TO_HANDLE", DRM_IOCTL_PRIME_FD_TO_HANDLE, &args) == 0) {
        if (std::ranges::find(client.buffers, args.handle) == client.buffers.end())
            client.buffers.push_back(args.handle);
    }
}

// What the driver says of a client to those who look.
void fdinfo(Client& client) {
    const Fd file(::open(("/proc/self/fdinfo/" + std::to_string(client.device.fd())).c_str(),
                         O_RDONLY | O_CLOEXEC));
    std::array<std::uint8_t, 4096> text;
    client.count("fdinfo", ::read(file.get(), text.data(), text.size()) < 0 ? errno : 0);
}

void event_file(Client& client) {
    keep(client, Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
}

void poll_and_read(Client& client) {
    std::array<std::uint8_t, 64> buffer;
    pollfd poll{client.device.fd(), static_cast<short>(client.choose.any()), 0};
    client.count("poll", ::poll(&poll, 1, 0) < 0 ? errno : 0);
    if (::fcntl(client.device.fd(), F_SETFL, O_NONBLOCK) == 0)
        client.count("read",
                     ::read(client.device.fd(), buffer.data(), buffer.size()) < 0 ? errno : 0);
}

// A number, a direction and a size that may be nobody's.
void any_ioctl(Client& client) {
    Choices& choose = client.choose;
    const std::uint64_t number =
        choose.one_in(2) ? choose.below(256) : DRM_COMMAND_BASE + choose.below(20);
    // What changes the machine, or waits for what nobody does, is left out. So are calls with
    // arrays of syncobjs: the core allocates what their count says, and warns where that is too
    // much.
    constexpr std::array<unsigned, 7> kNotThese = {0xc3, 0xc4, 0xc5, 0xca, 0xcb, 0xcd, 0xcf};
    if (std::ranges::find(kNotThese, number) != kNotThese.end() ||
        number == DRM_COMMAND_BASE + DRM_SKALD_WAIT_PROGRESS)
        return;
    const std::uint64_t size = choose.one_in(3) ? choose.below(1 << 14) : 8 * choose.below(12);
    const unsigned long request =
        (choose.below(4) << 30) | (size << 16) | (std::uint64_t{'d'} << 8) | number;
    std::vector<std::uint8_t> content(size + 8);
    for (std::uint8_t& byte : content)
        byte = choose.one_in(3) ? static_cast<std::uint8_t>(choose.any()) : 0;
    const std::uint64_t at = client.arena.place(choose, content);
    client.ioctl("any", request, at);
}

constexpr std::array kCalls = {
    Call{query, 4},           Call{bo_create, 10},
    Call{bo_userptr, 5},      Call{map, 10},
    Call{touch, 6},           Call{gem_close, 10},
    Call{vm_create, 3},       Call{vm_destroy, 1},
    Call{vm_bind, 25},        Call{vm_query, 3},
    Call{queue_create, 6},    Call{queue_destroy, 2},
    Call{queue_query, 4},     Call{queue_stamps, 4},
    Call{write_program, 10},  Call{submit, 25},
    Call{wait_progress, 6},   Call{syncobj_create, 6},
    Call{syncobj_destroy, 2}, Call{syncobj_wait, 6},
    Call{syncobj_files, 6},   Call{prime, 8},
    Call{event_file, 2},      Call{poll_and_read, 1},
    Call{any_ioctl, 6},       Call{map_any_queue, 2},
    Call{scribble, 15},       Call{syncobj_arrays, 4},
    Call{fdinfo, 1},
};

}  // namespace

std::span<const Call> calls() {
    return kCalls;
}

}  // namespace skald::test
