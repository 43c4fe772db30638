// SPDX-License-Identifier: MIT
// Ctrl-C as a file descriptor that becomes readable. The second one ends the program at once.
#pragma once

namespace skald::run {

class Interruption {
  public:
    // SIGINT and SIGTERM from here on. One at a time in a process.
    Interruption();
    ~Interruption();  // back to what was before
    Interruption(const Interruption&) = delete;
    Interruption& operator=(const Interruption&) = delete;

    [[nodiscard]] int fd() const { return fd_; }
    // The signal that came, or 0.
    [[nodiscard]] int signal() const;

  private:
    int fd_;
};

}  // namespace skald::run
