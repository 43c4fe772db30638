// SPDX-License-Identifier: MIT
// A queue of the card in process: ring, queue page, and the jobs that wait for room or for a fence.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "libskald/device.hpp"
#include "local/card_link.hpp"
#include "local/local_vm.hpp"
#include "skald/ring.h"

namespace skald::local {

class LocalQueue {
  public:
    struct Job {
        drm_skald_job job{};
        std::int64_t submit_ns = 0;
        std::int64_t pushed_ns = 0;
        std::vector<rt::SyncPoint> waits;
        std::vector<rt::SyncPoint> signals;
    };

    LocalQueue(rt::Os& os, CardLink& card, std::shared_ptr<LocalVm> vm, std::uint32_t id,
               const rt::QueueConfig& config);
    ~LocalQueue();  // kills its jobs
    LocalQueue(const LocalQueue&) = delete;
    LocalQueue& operator=(const LocalQueue&) = delete;

    void add(Job job);
    // Gives the card the waiting jobs whose fences `ready` finds signalled, as far as the ring
    // goes.
    void pump(const std::function<bool(const rt::SyncPoint&)>& ready);
    // Looks at the queue page. True if there is something new; `signals` collects what ended jobs
    // announce. interrupt_ns: when its vector was raised, as the caller saw it.
    bool collect(std::vector<rt::SyncPoint>& signals, std::int64_t interrupt_ns);
    // As rt::Device::queue_stamps(). Throws Error if the queue keeps none.
    [[nodiscard]] std::vector<drm_skald_job_stamps> stamps(std::uint64_t first) const;

    [[nodiscard]] std::uint32_t vector() const { return vector_; }
    [[nodiscard]] int eventfd() const { return eventfd_; }
    [[nodiscard]] LocalVm& vm() const { return *vm_; }
    [[nodiscard]] rt::Progress progress() const { return {stats_.progress, stats_.completed}; }
    [[nodiscard]] const drm_skald_queue_query& stats() const { return stats_; }

  private:
    void write_entry(const Job& job);
    void account(const skald_completion& done, std::vector<rt::SyncPoint>& signals);
    void note_stamps(std::int64_t interrupt_ns);

    // What the card has of a job.
    struct InCard {
        std::vector<rt::SyncPoint> signals;
        std::int64_t submit_ns;
        std::int64_t pushed_ns;
        std::int64_t doorbell_ns;
    };

    rt::Os& os_;
    CardLink& card_;
    std::shared_ptr<LocalVm> vm_;
    std::uint32_t id_;
    std::uint32_t vector_;
    int eventfd_;
    CardMemory::Block ring_;
    std::shared_ptr<LocalBuffer> page_;
    std::deque<Job> waiting_;
    std::deque<InCard> in_card_;
    std::uint64_t tail_ = 0;  // jobs ever given to the card
    bool keep_stamps_;
    std::deque<drm_skald_job_stamps> stamps_;  // of the last jobs that ended
    drm_skald_queue_query stats_{};
};

}  // namespace skald::local
