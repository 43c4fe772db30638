// SPDX-License-Identifier: MIT
// Jobs that do nothing: a program of one END, and a queue, which keeps stamps if it can.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/hops.hpp"
#include "libskald/address_space.hpp"
#include "libskald/buffer.hpp"

namespace skald::bench {

class EmptyJobs {
  public:
    // At most so many run_one() calls between two clears: what the driver keeps.
    static constexpr std::size_t kMost = DRM_SKALD_STAMPS_KEPT;

    enum class Path {
        kKernel,  // by SUBMIT; keeps stamps
        kUser,    // by a user-mode queue; there are no stamps
    };
    explicit EmptyJobs(rt::Device& device, Path path = Path::kKernel);
    ~EmptyJobs();
    EmptyJobs(const EmptyJobs&) = delete;
    EmptyJobs& operator=(const EmptyJobs&) = delete;

    // Submits one and sleeps until it has ended.
    OwnTimes run_one();
    // Stamps of the last `count` jobs.
    [[nodiscard]] std::vector<drm_skald_job_stamps> stamps(std::size_t count);
    // Submits that many, keeping the queue full, and sleeps until the last has ended; nanoseconds.
    double run_many(std::uint64_t count);

  private:
    void submit(std::size_t count);
    void wait_until(std::uint64_t job);

    rt::Device& device_;
    rt::AddressSpace space_;
    rt::Buffer memory_;
    rt::Binding binding_;
    rt::QueueId queue_;
    std::vector<drm_skald_job> jobs_;  // all the same
    std::uint64_t submitted_ = 0;
    rt::Progress seen_;
};

}  // namespace skald::bench
