// SPDX-License-Identifier: MIT
// Submission and waiting with as few calls as there can be.
#include "bench/empty_jobs.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "libskald/error.hpp"
#include "skald/fault.h"
#include "skald/isa.hpp"

namespace skald::bench {
namespace {

constexpr std::uint64_t kArgsOffset = 4096;
constexpr std::size_t kBatch = 32;  // jobs of a submission in run_many()

isa::MicroOp end_op() {
    isa::MicroOp op{};
    op.opcode = static_cast<std::uint8_t>(isa::Opcode::End);
    op.aux = static_cast<std::uint8_t>(isa::EndStatus::Done);
    return op;
}

}  // namespace

EmptyJobs::EmptyJobs(rt::Device& device, Path path)
    : device_(device),
      space_(device),
      memory_(rt::Buffer::card(device, 2 * kArgsOffset)),
      binding_(space_, memory_),
      queue_([&] {
          rt::QueueConfig config;
          config.vm = space_.id();
          config.keep_stamps = path == Path::kKernel;
          config.user_mode = path == Path::kUser;
          return device.create_queue(config);
      }()) {
    const isa::MicroOp op = end_op();
    std::memcpy(memory_.map().data(), &op, sizeof op);
    drm_skald_job job{};
    job.program_va = binding_.va();
    job.args_va = binding_.va() + kArgsOffset;
    job.program_ops = 1;
    jobs_.assign(kBatch, job);
}

EmptyJobs::~EmptyJobs() {
    device_.destroy_queue(queue_);
}

void EmptyJobs::submit(std::size_t count) {
    device_.submit(queue_, std::span(jobs_).first(count), {});
    submitted_ += count;
}

void EmptyJobs::wait_until(std::uint64_t job) {
    while (seen_.completed < job)
        seen_ = device_.wait_progress(queue_, seen_, rt::kNoDeadline);
}

OwnTimes EmptyJobs::run_one() {
    OwnTimes own;
    own.called_ns = device_.os().now_ns();
    submit(1);
    wait_until(submitted_);
    own.returned_ns = device_.os().now_ns();
    return own;
}

std::vector<drm_skald_job_stamps> EmptyJobs::stamps(std::size_t count) {
    auto stamps = device_.queue_stamps(queue_, submitted_ - count + 1);
    if (stamps.size() != count || device_.query_queue(queue_).last_status != SKALD_JOB_DONE)
        throw rt::Error("an empty job did not run: the card was reset, or is broken", EIO);
    return stamps;
}

double EmptyJobs::run_many(std::uint64_t count) {
    const std::int64_t began = device_.os().now_ns();
    for (std::uint64_t left = count; left != 0;) {
        const std::size_t now = std::min<std::uint64_t>(left, kBatch);
        submit(now);
        left -= now;
        // One batch runs while the next is on its way.
        wait_until(submitted_ - std::min<std::uint64_t>(submitted_, now));
    }
    wait_until(submitted_);
    return static_cast<double>(device_.os().now_ns() - began);
}

}  // namespace skald::bench
