// SPDX-License-Identifier: MIT
// Submission and waiting; a banned address space is explained by its first fault.
#include "libskald/queue.hpp"

#include <cerrno>

#include "libskald/error.hpp"
#include "libskald/fault_text.hpp"
#include "skald/fault.h"

namespace skald::rt {

Queue::Event::Event(Os& os) : os_(os), fd_(os.eventfd()) {
    if (fd_ < 0)
        throw system_error(-fd_, "cannot create an eventfd");
}

Queue::Queue(AddressSpace& space, const QueueOptions& options)
    : space_(space),
      device_(space.device()),
      event_(device_.os()),
      user_mode_(options.user_mode),
      id_([&] {
          QueueConfig config;
          config.vm = space.id();
          config.priority = options.priority;
          config.scratch_bytes = options.scratch_bytes;
          config.coalesce_tokens = options.coalesce_tokens;
          config.coalesce_us = options.coalesce_us;
          config.eventfd = event_.fd();
          config.keep_stamps = options.keep_stamps;
          config.user_mode = options.user_mode;
          return device_.create_queue(config);
      }()) {}

Queue::~Queue() {
    device_.destroy_queue(id_);
}

template <class Call>
auto Queue::explained(Call call) {
    try {
        return call();
    } catch (const Error& error) {
        if (error.code() != ENOTRECOVERABLE)
            throw;
        throw Error(device_.name() + ": " + fault_text(device_.query_vm(space_.id()), program_),
                    ENOTRECOVERABLE);
    }
}

std::uint64_t Queue::submit(std::span<const drm_skald_job> jobs, std::span<const SyncPoint> syncs) {
    explained([&] { device_.submit(id_, jobs, syncs); });
    return submitted_ += jobs.size();
}

Progress Queue::wait(Progress seen, std::int64_t deadline_ns) {
    return explained([&] { return device_.wait_progress(id_, seen, deadline_ns); });
}

Progress Queue::look() {
    // A state that no queue is in: the answer comes at once, and a ban is reported only where it
    // hides nothing.
    const Progress now = device_.wait_progress(id_, {UINT64_MAX, UINT64_MAX}, 0);
    if (!user_mode_)
        return now;
    // Of jobs that a reset took nobody knows: that they will not end has to be asked for.
    return wait(now, 0);
}

void Queue::wait_job(std::uint64_t number) {
    Progress seen = look();
    while (seen.completed < number)
        seen = wait(seen, kNoDeadline);
    check_healthy();
}

// A job that faulted has ended as well: the status of the last one tells, since a banned address
// space runs nothing any more.
void Queue::check_healthy() {
    const std::uint32_t status = stats().last_status;
    if (status == SKALD_JOB_NONE || status == SKALD_JOB_DONE || status == SKALD_JOB_CONTINUE)
        return;
    if (status == SKALD_JOB_CANCELLED)
        throw Error(device_.name() + ": a job was cancelled: the card was reset or its watchdog " +
                        "saw no progress",
                    ECANCELED);
    throw Error(device_.name() + ": " + fault_text(device_.query_vm(space_.id()), program_),
                ENOTRECOVERABLE);
}

void Queue::clear_event() {
    const int result = device_.os().drain_event(event_.fd());
    if (result < 0)
        throw system_error(-result, "cannot read an eventfd");
}

}  // namespace skald::rt
