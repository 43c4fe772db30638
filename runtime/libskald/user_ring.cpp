// SPDX-License-Identifier: MIT
// Entries as skald/ring.h has them, and the order in which the card must see the stores.
#include "libskald/user_ring.hpp"

#include <sys/mman.h>

#include <atomic>
#include <cstring>

#include "libskald/error.hpp"
#include "skald/ring.h"

namespace skald::rt {
namespace {

constexpr std::size_t kPage = 4096;
// What SUBMIT takes for 0.
constexpr std::uint64_t kTimeBudgetNs = 1'000'000'000;

}  // namespace

UserRing::Page::Page(Os& os, int fd, std::uint64_t offset) : os_(os) {
    const int result = os.mmap(kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset, &address_);
    if (result < 0)
        throw system_error(-result, "cannot map a user-mode queue");
}

UserRing::Page::~Page() {
    os_.munmap(address_, kPage);
}

UserRing::UserRing(Os& os, int fd, std::uint64_t offset, std::uint32_t entries)
    : entries_(entries),
      doorbell_(os, fd, offset + DRM_SKALD_QUEUE_MMAP_DOORBELL),
      ring_(os, fd, offset + DRM_SKALD_QUEUE_MMAP_RING) {}

void UserRing::write(const drm_skald_job& job) {
    skald_ring_entry entry{};
    entry.seq = written_ + 1;
    entry.program_va = job.program_va;
    entry.args_va = job.args_va;
    entry.profile_va = job.profile_va;
    if ((job.flags & DRM_SKALD_JOB_PROFILE_MODEL) != 0)
        entry.profile_va |= SKALD_PROFILE_MODEL;
    entry.time_budget = job.time_budget_ns != 0 ? job.time_budget_ns : kTimeBudgetNs;
    entry.loop_budget = job.loop_budget;
    entry.program_ops = job.program_ops;
    std::memcpy(ring_.at(written_ % entries_ * sizeof entry), &entry, sizeof entry);
    ++written_;
}

void UserRing::ring() const {
    // A full barrier: the entries, and what the jobs read, leave the write-combining buffers first.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    auto* const word = reinterpret_cast<volatile std::uint32_t*>(doorbell_.at(0));
    *word = static_cast<std::uint32_t>(written_);
}

}  // namespace skald::rt
