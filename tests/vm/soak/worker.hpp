// SPDX-License-Identifier: MIT
// A client of the card in a process of its own: submits what it is told to, looks at every bit of
// what comes out, and says what befell it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "device.hpp"

namespace skald::test {

struct Order {
    std::uint64_t seed;
    std::uint32_t submissions;
    bool fresh;      // whether it has to begin anew: the card it knows may be gone
    bool vanishing;  // whether the card may fall off the bus
};

struct Report {
    std::uint32_t right = 0;    // jobs whose results are as they must be
    std::uint32_t injured = 0;  // jobs that ended with an error, or could not be submitted
    std::uint32_t wounds = 0;   // contexts that were lost so
    std::uint32_t reason = 0;   // of the last of them, enum skald_fault; 0: none was told
    std::int32_t error = 0;     // its errno
    char refused[96] = {};      // why a client could not begin, or ""
    char wrong[192] = {};       // a promise that was broken, or ""
};

class Worker {
  public:
    Worker() { start(); }
    ~Worker() { kill(); }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    void order(const Order& order);
    // The end of the pipe that its reports come through.
    int reports() const { return reports_.get(); }
    // Nothing if it died. Blocks until it has something to say.
    std::optional<Report> report();
    // How it died: a signal, or 0.
    int signal() const { return signal_; }
    // Where the kernel has it: root's view of its stack.
    std::string whereabouts() const;

    void kill();
    // A new process in the place of one that died.
    void start();

  private:
    pid_t pid_ = -1;
    int signal_ = 0;
    Fd orders_, reports_;
};

}  // namespace skald::test
