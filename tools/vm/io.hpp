// SPDX-License-Identifier: MIT
// File descriptors as both sides of the VM use them: an owner, a throwing check, and a pump that
// moves bytes between two non-blocking descriptors under poll.
#pragma once

#include <poll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace skald::vm {

class Fd {
  public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd() { reset(); }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    void reset();

  private:
    int fd_ = -1;
};

// The result of a system call, or std::system_error saying which and why.
int check(int result, const std::string& what);

void set_nonblocking(int fd);

struct Pipe {
    Fd read;
    Fd write;
};
Pipe make_pipe();

// Bytes on their way to a non-blocking descriptor.
class Outbox {
  public:
    void push(std::span<const std::uint8_t> bytes);
    bool empty() const { return sent_ == bytes_.size(); }
    // Writes what goes without waiting. False: the reader is gone.
    bool flush(int fd);

  private:
    std::vector<std::uint8_t> bytes_;
    std::size_t sent_ = 0;
};

// One direction of one stream: reads from a source, writes to a sink, holds one buffer between, so
// that a slow reader slows the writer and nothing piles up. Counts what it wrote.
class Pump {
  public:
    // A sink of ours is set not to block. One that other processes share (our standard output) must
    // stay as it is: to that a little is written each time poll says there is room.
    enum class Sink { kNonblocking, kShared };

    // Descriptors stay their owner's.
    Pump(int source, int sink, Sink kind) : source_(source), sink_(sink), kind_(kind) {}

    // What to poll for now; -1 where nothing is wanted.
    pollfd source_poll() const;
    pollfd sink_poll() const;
    // Reads if the source is ready, then writes what the sink takes. Call with the poll's results.
    void step(short source_events, short sink_events);

    // What the last step read, as far as it read anything.
    std::span<const std::uint8_t> fresh() const { return std::span(buffer_).first(fresh_); }

    void limit(std::uint64_t total) { limit_ = total; }  // the stream ends after this many bytes
    std::uint64_t moved() const { return moved_; }
    bool source_ended() const { return ended_ || taken_ >= limit_; }
    bool sink_broken() const { return sink_error_ != 0; }
    int sink_error() const { return sink_error_; }  // errno; EPIPE: the reader went away
    // Nothing more will come out of it.
    bool done() const { return source_ended() && begin_ == end_; }

  private:
    void take();
    void give();

    int source_;
    int sink_;
    Sink kind_;
    std::array<std::uint8_t, 32768> buffer_{};
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t fresh_ = 0;
    std::uint64_t taken_ = 0;
    std::uint64_t moved_ = 0;
    std::uint64_t limit_ = UINT64_MAX;
    bool ended_ = false;
    int sink_error_ = 0;
};

}  // namespace skald::vm
