// SPDX-License-Identifier: MIT
// A user-mode queue: the test writes ring and doorbell itself.
#pragma once

#include <cstdint>

#include "context.hpp"
#include "skald/ring.h"

namespace skald::test {

class UserQueue {
  public:
    static constexpr std::uint32_t kEntries = SKALD_COMPLETION_SLOTS;

    // In the space of `context`. Throws what goes wrong.
    explicit UserQueue(const Context& context, std::uint32_t max_job_ms = 0,
                       std::uint32_t priority = DRM_SKALD_PRIORITY_NORMAL);

    // The entry that runs the job as number seq, and the same in its place of the ring.
    static skald_ring_entry entry(const drm_skald_job& job, std::uint64_t seq);
    void write(const skald_ring_entry& entry, std::uint64_t seq) const;
    void ring(std::uint32_t tail) const;

    // The next job; the caller knows that there is room. Gives its number.
    std::uint64_t submit(const drm_skald_job& job);
    // 0 or the errno of WAIT_PROGRESS.
    int wait(std::uint64_t jobs, std::int64_t timeout_ms = 20000) const {
        return context_.device().wait_completed(id_, jobs, timeout_ms);
    }
    int run(const drm_skald_job& job) { return wait(submit(job)); }

    std::uint32_t id() const { return id_; }
    std::uint64_t offset() const { return offset_; }
    drm_skald_queue_query query() const { return context_.device().queue_query(id_); }
    int destroy() const { return context_.device().queue_destroy(id_); }
    const Mapping& doorbell() const { return doorbell_; }
    const Mapping& entries() const { return entries_; }

  private:
    const Context& context_;
    std::uint32_t id_ = 0;
    std::uint64_t offset_ = 0;
    std::uint64_t submitted_ = 0;
    Mapping doorbell_;
    Mapping entries_;
};

}  // namespace skald::test
