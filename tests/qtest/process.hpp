// SPDX-License-Identifier: MIT
// A QEMU process under test: started with some of our sockets as its descriptors, its output kept,
// killed and reaped at the latest by the destructor.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace skald::qtest {

// A file descriptor that closes itself.
class Fd {
  public:
    explicit Fd(int fd = -1) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept;
    ~Fd();
    [[nodiscard]] int get() const { return fd_; }
    void reset() { *this = Fd(); }

  private:
    int fd_;
};

// Two connected stream sockets.
[[nodiscard]] std::pair<Fd, Fd> socket_pair();

class Process {
  public:
    // inherited[i] becomes descriptor 3 + i of the child. Throws when it cannot be started.
    Process(const std::vector<std::string>& command, const std::vector<const Fd*>& inherited);
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process();

    void signal(int number);
    // Status as a shell shows it: the exit code, or 128 + the signal. None when it still runs.
    [[nodiscard]] std::optional<int> wait(std::chrono::seconds patience);
    // What it wrote to stdout and stderr so far.
    [[nodiscard]] std::string output() const;

  private:
    int pid_ = -1;
    Fd pidfd_;
    Fd output_;
    std::optional<int> status_;
};

}  // namespace skald::qtest
