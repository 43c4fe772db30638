// SPDX-License-Identifier: MIT
// A program run by a test: its standard input is a string, its outputs are collected.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace skald::test {

struct Finished {
    int status = -1;  // exit status, 128 + signal if one ended it
    std::string out, err;
};

class Process {
  public:
    explicit Process(const std::vector<std::string>& command, const std::string& input = "");
    ~Process();  // kills it if it still runs
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    void signal(int number) const;
    // Sleeps until standard output has that many bytes, or has ended.
    void wait_for_output(std::size_t bytes);
    // Sleeps until there is something to read at fd, the reading end of a pipe. False: the process
    // ended, and there will be nothing.
    [[nodiscard]] bool wait_for_input(int fd);
    void close_output();
    [[nodiscard]] Finished wait();

  private:
    // Reads what is there on either pipe; sleeps until there is something. False when both ended.
    bool read_some();

    pid_t pid_ = -1;
    int out_ = -1, err_ = -1;
    Finished result_;
};

[[nodiscard]] Finished run(const std::vector<std::string>& command, const std::string& input = "");

}  // namespace skald::test
