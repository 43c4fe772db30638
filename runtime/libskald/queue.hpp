// SPDX-License-Identifier: MIT
// A queue of jobs in an address space, with the event that wakes who waits for it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "libskald/address_space.hpp"
#include "libskald/device.hpp"
#include "skald/isa.hpp"

namespace skald::rt {

struct QueueOptions {
    std::uint32_t priority = DRM_SKALD_PRIORITY_NORMAL;
    std::uint32_t scratch_bytes = 0;    // a multiple of 4 KiB
    std::uint32_t coalesce_tokens = 0;  // both 0: the driver's defaults
    std::uint32_t coalesce_us = 0;
    bool keep_stamps = false;  // for stamps()
    // Submissions are stores to the mapped ring, without a call; no syncs, no stamps. submit()
    // waits while the ring is full. One thread at a time.
    bool user_mode = false;
};

// A queue of the card. Its calls throw Error: ENOTRECOVERABLE once a job of the address space has
// faulted, with the fault in words; ECANCELED where a job was killed.
class Queue {
  public:
    Queue(AddressSpace& space, const QueueOptions& options);
    ~Queue();  // kills what still runs
    Queue(const Queue&) = delete;
    Queue& operator=(const Queue&) = delete;

    // The program of the jobs to come, to name micro-ops in fault messages; must stay valid.
    void set_program(std::span<const isa::MicroOp> program) { program_ = program; }

    // Number of the last job, counted from 1. What was written to memory before is there for the
    // jobs.
    std::uint64_t submit(std::span<const drm_skald_job> jobs,
                         std::span<const SyncPoint> syncs = {});
    std::uint64_t submit(const drm_skald_job& job) { return submit({&job, 1}); }
    [[nodiscard]] std::uint64_t submitted() const { return submitted_; }

    // Sleeps until that job has ended. Throws the fault, in words, if the queue will not get there.
    void wait_job(std::uint64_t number);
    // What there is now.
    [[nodiscard]] Progress look();
    // Throws the fault, in words, if the last job that ended did not end well.
    void check_healthy();

    // Becomes readable with every progress wake-up and every end of a job, until cleared.
    [[nodiscard]] int event_fd() const { return event_.fd(); }
    void clear_event();

    [[nodiscard]] Os& os() const { return device_.os(); }
    [[nodiscard]] drm_skald_queue_query stats() { return device_.query_queue(id_); }
    // When jobs from number `first` on passed which place; see Device::queue_stamps().
    [[nodiscard]] std::vector<drm_skald_job_stamps> stamps(std::uint64_t first) {
        return device_.queue_stamps(id_, first);
    }

  private:
    class Event {
      public:
        explicit Event(Os& os);
        ~Event() { os_.close(fd_); }
        Event(const Event&) = delete;
        Event& operator=(const Event&) = delete;
        [[nodiscard]] int fd() const { return fd_; }

      private:
        Os& os_;
        int fd_;
    };

    [[nodiscard]] Progress wait(Progress seen, std::int64_t deadline_ns);
    // Turns "banned" into the reason.
    template <class Call>
    auto explained(Call call);

    AddressSpace& space_;
    Device& device_;
    Event event_;
    bool user_mode_;
    QueueId id_;
    std::uint64_t submitted_ = 0;
    std::span<const isa::MicroOp> program_;
};

}  // namespace skald::rt
