// SPDX-License-Identifier: MIT
// Every system call that concerns a card, behind one seam that tests can fake; plain files are read
// and written without it. No policy here: each method is one call (through libdrm where that has
// it).
#pragma once

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include "libskald/card_list.hpp"

namespace skald::rt {

// Failures come back as -errno; open and eventfd give a descriptor, poll the number that is ready,
// the others 0. Calls that only a signal interrupted are repeated, except poll. Deadlines are
// CLOCK_MONOTONIC nanoseconds, kNoDeadline waits for ever.
class Os {
  public:
    virtual ~Os() = default;

    virtual int open(const char* path, int flags) = 0;
    virtual int close(int fd) = 0;
    virtual int ioctl(int fd, unsigned long request, void* argument) = 0;
    virtual int mmap(std::size_t bytes, int protection, int flags, int fd, std::uint64_t offset,
                     void** address) = 0;
    virtual int munmap(void* address, std::size_t bytes) = 0;

    virtual int eventfd() = 0;             // non-blocking
    virtual int drain_event(int fd) = 0;   // back to "not signalled"
    virtual int signal_event(int fd) = 0;  // async-signal-safe in the real one
    virtual int poll(std::span<pollfd> fds, std::int64_t deadline_ns) = 0;  // -EINTR on a signal
    virtual std::int64_t now_ns() = 0;                                      // CLOCK_MONOTONIC

    virtual int syncobj_create(int fd, std::uint32_t* handle) = 0;
    virtual int syncobj_destroy(int fd, std::uint32_t handle) = 0;
    // Waits for a point (0: binary) to have been submitted and signalled. -ETIME after the
    // deadline.
    virtual int syncobj_wait(int fd, std::uint32_t handle, std::uint64_t point,
                             std::int64_t deadline_ns) = 0;

    virtual CardList cards() = 0;
};

// The real one. Stateless.
[[nodiscard]] Os& linux_os();

inline constexpr std::int64_t kNoDeadline = INT64_MAX;

}  // namespace skald::rt
