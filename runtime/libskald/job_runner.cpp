// SPDX-License-Identifier: MIT
// The loop of a request. The event is cleared before the queue is looked at, so no wake-up is lost.
#include "libskald/job_runner.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "libskald/error.hpp"
#include "skald/fault.h"
#include "skald/program.hpp"

namespace skald::rt {

JobRunner::End JobRunner::run(int cancel_fd, const OnTokens& on_tokens) {
    seen_ = queue_.look();
    for (;;) {
        if (!ending_)
            top_up(seen_.completed);
        if (!sleep(cancel_fd)) {
            abandoned_ = true;
            return end_;
        }
        queue_.clear_event();
        std::int64_t at_ns = queue_.os().now_ns();
        Progress now = queue_.look();
        watch_completions(now);
        const bool all_ended = now.completed == queue_.submitted();
        if (all_ended) {  // the tokens of a job are out before its end is
            at_ns = queue_.os().now_ns();
            now = queue_.look();
        }
        take(now, at_ns, on_tokens);
        if (ending_ && all_ended)
            return end_;
    }
}

void JobRunner::top_up(std::uint64_t completed) {
    const std::uint64_t queued = queue_.submitted() - completed;
    if (queued >= kQueued)
        return;
    const std::vector<drm_skald_job> jobs(kQueued - queued, job_);
    queue_.submit(jobs);  // the card sees what was written before
}

void JobRunner::watch_completions(Progress now) {
    if (now.completed == seen_.completed)
        return;
    seen_.completed = now.completed;
    queue_.check_healthy();
    if (queue_.stats().last_status == SKALD_JOB_DONE)
        ending_ = true;
}

void JobRunner::take(Progress now, std::int64_t at_ns, const OnTokens& on_tokens) {
    const std::uint64_t count = now.tokens - seen_.tokens;
    seen_.tokens = now.tokens;
    if (stopping_)  // again: a job that just ended may have saved the word it had read before
        args_.set(program::kStop, 1);
    const bool wanted = !stopping_ || end_ == End::kPaused;
    if (count == 0 || !wanted)
        return;
    switch (on_tokens(count, at_ns)) {
        case Next::kMore:
            break;
        case Next::kLast:
            ending_ = true;
            break;
        case Next::kPause:
            request_stop(End::kPaused);
            break;
        case Next::kStop:
            request_stop(End::kStopped);
            break;
    }
}

void JobRunner::request_stop(End why) {
    end_ = why;
    ending_ = stopping_ = true;
    args_.set(program::kStop, 1);
}

bool JobRunner::sleep(int cancel_fd) {
    const bool cancelled = end_ == End::kCancelled;
    std::array<pollfd, 2> fds{pollfd{queue_.event_fd(), POLLIN, 0},
                              pollfd{cancelled ? -1 : cancel_fd, POLLIN, 0}};
    const int ready = queue_.os().poll(fds, deadline_ns_);
    if (ready < 0 && ready != -EINTR)
        throw system_error(-ready, "cannot wait for the card");
    // Not POLLIN alone: a pipe whose writers are gone has POLLHUP, and stays so.
    if (fds[1].revents != 0) {
        request_stop(End::kCancelled);
        deadline_ns_ = queue_.os().now_ns() + kPatienceNs;
        return true;
    }
    return ready != 0 || !cancelled;
}

}  // namespace skald::rt
