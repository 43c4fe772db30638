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
        std::vector<rt::SyncPoint> waits;
        std::vector<rt::SyncPoint> signals;
    };

    LocalQueue(CardLink& card, std::shared_ptr<LocalVm> vm, std::uint32_t id,
               const rt::QueueConfig& config);
    ~LocalQueue();  // kills its jobs
    LocalQueue(const LocalQueue&) = delete;
    LocalQueue& operator=(const LocalQueue&) = delete;

    void add(Job job);
    // Gives the card the waiting jobs whose fences `ready` finds signalled, as far as the ring
    // goes.
    void pump(const std::function<bool(const rt::SyncPoint&)>& ready);
    // Looks at the queue page. True if there is something new; `signals` collects what ended jobs
    // announce.
    bool collect(std::vector<rt::SyncPoint>& signals);

    [[nodiscard]] std::uint32_t vector() const { return vector_; }
    [[nodiscard]] int eventfd() const { return eventfd_; }
    [[nodiscard]] LocalVm& vm() const { return *vm_; }
    [[nodiscard]] rt::Progress progress() const { return {stats_.progress, stats_.completed}; }
    [[nodiscard]] const drm_skald_queue_query& stats() const { return stats_; }

  private:
    void write_entry(const Job& job);
    void account(const skald_completion& done, std::vector<rt::SyncPoint>& signals);

    CardLink& card_;
    std::shared_ptr<LocalVm> vm_;
    std::uint32_t id_;
    std::uint32_t vector_;
    int eventfd_;
    CardMemory::Block ring_;
    std::shared_ptr<LocalBuffer> page_;
    std::deque<Job> waiting_;
    std::deque<std::vector<rt::SyncPoint>> in_card_;  // signals of the jobs the card has
    std::uint64_t tail_ = 0;                          // jobs ever given to the card
    drm_skald_queue_query stats_{};
};

}  // namespace skald::local
