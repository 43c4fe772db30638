// SPDX-License-Identifier: MIT
// The QEMU process: started with its sockets, its output in a log, never left behind.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "vm/host/options.hpp"
#include "vm/io.hpp"

namespace skald::vm {

class Qemu {
  public:
    // Starts it; output and errors go to the log file.
    Qemu(const Options& options, const std::filesystem::path& log);
    ~Qemu();
    Qemu(const Qemu&) = delete;
    Qemu& operator=(const Qemu&) = delete;

    // Our ends of its sockets, not blocking.
    const Fd& console() const { return console_; }
    const Fd& control() const { return control_; }
    const Fd& standard_input() const { return input_; }
    const Fd& standard_output() const { return output_; }
    const Fd& standard_error() const { return error_; }

    // Becomes readable when the process ends.
    int process() const { return process_.get(); }
    // How it ended ("exit status 1", "signal 9"), once it has.
    std::optional<std::string> ended();
    // Asks it to end, insists after some seconds, and waits.
    void stop();

  private:
    void start(const std::vector<std::string>& arguments, const std::filesystem::path& log,
               const std::vector<Fd>& theirs);

    Fd console_;
    Fd control_;
    Fd input_;
    Fd output_;
    Fd error_;
    Fd process_;
    pid_t pid_ = -1;
    std::optional<std::string> end_;
};

}  // namespace skald::vm
