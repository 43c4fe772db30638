// SPDX-License-Identifier: MIT
// File descriptors of both sides of the VM: owner, pipe, outbox and pump.
#include "vm/io.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace skald::vm {
namespace {

bool would_wait(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

constexpr short kReadable = POLLIN | POLLHUP | POLLERR;
constexpr short kWritable = POLLOUT | POLLHUP | POLLERR;

}  // namespace

void Fd::reset() {
    if (fd_ >= 0)
        ::close(fd_);
    fd_ = -1;
}

int check(int result, const std::string& what) {
    if (result < 0)
        throw std::system_error(errno, std::generic_category(), what);
    return result;
}

void set_nonblocking(int fd) {
    const int flags = check(::fcntl(fd, F_GETFL), "fcntl");
    check(::fcntl(fd, F_SETFL, flags | O_NONBLOCK), "fcntl");
}

Pipe make_pipe() {
    int ends[2];
    check(::pipe2(ends, O_CLOEXEC), "pipe");
    return {Fd(ends[0]), Fd(ends[1])};
}

void Outbox::push(std::span<const std::uint8_t> bytes) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(sent_));
    sent_ = 0;
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

bool Outbox::flush(int fd) {
    while (!empty()) {
        const ssize_t count = ::write(fd, bytes_.data() + sent_, bytes_.size() - sent_);
        if (count < 0)
            return would_wait(errno);
        sent_ += static_cast<std::size_t>(count);
    }
    return true;
}

pollfd Pump::source_poll() const {
    const bool wanted = !source_ended() && begin_ == end_;
    return {wanted ? source_ : -1, POLLIN, 0};
}

pollfd Pump::sink_poll() const {
    const bool wanted = begin_ != end_ && !sink_broken();
    return {wanted ? sink_ : -1, POLLOUT, 0};
}

void Pump::step(short source_events, short sink_events) {
    fresh_ = 0;
    if ((source_events & kReadable) != 0) {
        take();
        if (kind_ == Sink::kNonblocking || sink_broken())
            give();
    } else if ((sink_events & kWritable) != 0) {
        give();
    }
}

void Pump::take() {
    const auto room = std::min<std::uint64_t>(buffer_.size(), limit_ - taken_);
    const ssize_t count = ::read(source_, buffer_.data(), room);
    if (count < 0) {
        // EIO: the last one on a pseudo-terminal closed it.
        ended_ = !would_wait(errno);
        return;
    }
    ended_ = count == 0;
    begin_ = 0;
    end_ = static_cast<std::size_t>(count);
    fresh_ = end_;
    taken_ += end_;
}

void Pump::give() {
    while (begin_ != end_) {
        const std::size_t rest = end_ - begin_;
        const std::size_t size =
            kind_ == Sink::kShared ? std::min<std::size_t>(rest, PIPE_BUF) : rest;
        const ssize_t count = sink_broken() ? static_cast<ssize_t>(rest)
                                            : ::write(sink_, buffer_.data() + begin_, size);
        if (count < 0) {
            if (would_wait(errno))
                return;
            sink_error_ = errno;  // from here on the stream is read to its end and dropped
            continue;
        }
        begin_ += static_cast<std::size_t>(count);
        moved_ += static_cast<std::uint64_t>(count);
        if (kind_ == Sink::kShared && !sink_broken())
            return;
    }
}

}  // namespace skald::vm
