// SPDX-License-Identifier: MIT
// A signal handler can reach nothing but what is static: the descriptor and the number of the
// signal.
#include "run/interruption.hpp"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "libskald/error.hpp"

namespace skald::run {
namespace {

std::atomic<int> event_fd = -1;
std::atomic<int> caught = 0;
static_assert(std::atomic<int>::is_always_lock_free, "needed in a signal handler");

extern "C" void on_signal(int number) {
    const int saved = errno;
    caught = number;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(event_fd, &one, sizeof one);
    ::signal(number, SIG_DFL);
    errno = saved;
}

void handle(void (*handler)(int)) {
    struct sigaction action{};
    action.sa_handler = handler;
    for (const int number : {SIGINT, SIGTERM})
        ::sigaction(number, &action, nullptr);
}

}  // namespace

Interruption::Interruption() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0)
        throw rt::system_error(errno, "cannot create an eventfd");
    caught = 0;
    event_fd = fd_;
    handle(on_signal);
}

Interruption::~Interruption() {
    handle(SIG_DFL);
    event_fd = -1;
    ::close(fd_);
}

int Interruption::signal() const {
    return caught;
}

}  // namespace skald::run
