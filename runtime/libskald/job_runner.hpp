// SPDX-License-Identifier: MIT
// Runs one request of the decoder program to its end: keeps two jobs queued while there is more to
// do, hands out tokens as they arrive, stops at a token boundary when asked. Sleeps in poll.
#pragma once

#include <cstdint>
#include <functional>

#include "libskald/argument_block.hpp"
#include "libskald/queue.hpp"

namespace skald::rt {

class JobRunner {
  public:
    enum class Next {
        kMore,
        kLast,   // nothing follows: submit no more
        kPause,  // stop at the next token boundary; what comes until then is wanted
        kStop,   // whatever follows is not wanted
    };
    enum class End {
        kDone,       // the program said so
        kPaused,     // on_tokens asked for it
        kStopped,    // on_tokens asked for it
        kCancelled,  // cancel_fd became readable, or nobody can write to it any more
    };
    // `count` more entries of the token ring are filled.
    // at_ns: the clock just before they were counted, so that a rate is never made of tokens that
    // came later.
    using OnTokens = std::function<Next(std::uint64_t count, std::int64_t at_ns)>;

    // job: with the argument block of `args`, whose state registers are set.
    JobRunner(Queue& queue, ArgumentBlock args, const drm_skald_job& job)
        : queue_(queue), args_(args), job_(job) {}

    // Throws the card's fault in words. cancel_fd: -1 for none.
    End run(int cancel_fd, const OnTokens& on_tokens);

    // After a cancel: jobs that did not reach a token boundary in time. The queue must go.
    [[nodiscard]] bool abandoned() const { return abandoned_; }

  private:
    static constexpr std::uint64_t kQueued = 2;
    static constexpr std::int64_t kPatienceNs = 1'000'000'000;

    void top_up(std::uint64_t completed);
    void take(Progress now, std::int64_t at_ns, const OnTokens& on_tokens);
    void watch_completions(Progress now);
    void request_stop(End why);
    // False when patience is over.
    [[nodiscard]] bool sleep(int cancel_fd);

    Queue& queue_;
    ArgumentBlock args_;
    drm_skald_job job_;
    Progress seen_;
    End end_ = End::kDone;
    bool ending_ = false;    // no more submissions
    bool stopping_ = false;  // the stop word is set
    bool abandoned_ = false;
    std::int64_t deadline_ns_ = kNoDeadline;
};

}  // namespace skald::rt
