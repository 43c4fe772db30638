// SPDX-License-Identifier: MIT
// Making and mapping a user-mode queue, and what a submission is then: some stores.
#include "user_queue.hpp"

#include <sys/mman.h>

#include <atomic>
#include <cstring>
#include <stdexcept>
#include <string>

namespace skald::test {
namespace {

Mapping map_page(const Device& device, std::uint64_t offset) {
    void* const page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, device.fd(),
                              static_cast<off_t>(offset));
    if (page == MAP_FAILED)
        throw std::runtime_error(std::string("mmap of a user-mode queue: ") + std::strerror(errno));
    return {page, 4096};
}

}  // namespace

UserQueue::UserQueue(const Context& context, std::uint32_t max_job_ms, std::uint32_t priority)
    : context_(context) {
    drm_skald_queue_create args{};
    args.vm_id = context.vm();
    args.priority = priority;
    args.eventfd = -1;
    args.flags = DRM_SKALD_QUEUE_USER_MODE;
    args.max_job_ms = max_job_ms;
    if (const int error = context.device().call(DRM_IOCTL_SKALD_QUEUE_CREATE, &args))
        throw std::runtime_error(std::string("QUEUE_CREATE: ") + std::strerror(error));
    id_ = args.queue_id;
    offset_ = args.mmap_offset;
    doorbell_ = map_page(context.device(), offset_ + DRM_SKALD_QUEUE_MMAP_DOORBELL);
    entries_ = map_page(context.device(), offset_ + DRM_SKALD_QUEUE_MMAP_RING);
}

skald_ring_entry UserQueue::entry(const drm_skald_job& job, std::uint64_t seq) {
    skald_ring_entry entry{};
    entry.seq = seq;
    entry.program_va = job.program_va;
    entry.args_va = job.args_va;
    entry.program_ops = job.program_ops;
    return entry;
}

void UserQueue::write(const skald_ring_entry& entry, std::uint64_t seq) const {
    std::memcpy(entries_.bytes().data() + (seq - 1) % kEntries * sizeof(entry), &entry,
                sizeof(entry));
}

void UserQueue::ring(std::uint32_t tail) const {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    doorbell_.at<std::uint32_t>(0) = tail;
}

std::uint64_t UserQueue::submit(const drm_skald_job& job) {
    const std::uint64_t seq = ++submitted_;
    write(entry(job, seq), seq);
    ring(static_cast<std::uint32_t>(seq));
    return seq;
}

}  // namespace skald::test
