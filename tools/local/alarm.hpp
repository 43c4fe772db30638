// SPDX-License-Identifier: MIT
// Ends what the others of a group of cards do when one cannot go on.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <exception>
#include <mutex>
#include <utility>

#include "libskald/error.hpp"

namespace skald::local {

class Alarm {
  public:
    Alarm() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
        if (fd_ < 0)
            throw rt::system_error(errno, "no eventfd for what ends cards that wait");
    }
    ~Alarm() { ::close(fd_); }
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;

    void ring(std::exception_ptr why) {
        const std::scoped_lock guard(lock_);
        if (!why_)
            why_ = std::move(why);
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);
    }
    void rethrow() const {
        if (why_)
            std::rethrow_exception(why_);
    }
    [[nodiscard]] int fd() const { return fd_; }

  private:
    int fd_;
    std::mutex lock_;
    std::exception_ptr why_;
};

}  // namespace skald::local
