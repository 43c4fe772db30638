// SPDX-License-Identifier: MIT
// One guest from start to end: the command's streams, signals and window on one side, QEMU's
// sockets on the other, and the verdict.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vm/host/kernel_log.hpp"
#include "vm/host/options.hpp"
#include "vm/host/qemu.hpp"
#include "vm/host/terminal.hpp"
#include "vm/io.hpp"
#include "vm/protocol.hpp"

namespace skald::vm {

// How it came out: the status to exit with and, where the guest went wrong, a sentence, to which
// the logs have more to say.
struct Outcome {
    int status = 0;
    std::string trouble;
    std::vector<std::string> remarks{};  // sentences of their own
};

class Session {
  public:
    using Clock = std::chrono::steady_clock;

    Session(const Options& options, const std::filesystem::path& logs);

    // Blocks until the guest is gone.
    Outcome run();

  private:
    enum class State { kBooting, kRunning, kDraining, kSwitchingOff };

    void turn();
    int milliseconds_left() const;
    void hear_signals();
    void hear_guest();
    void hear_console();
    void hear_end();
    void obey(const Message& message);
    void interrupt(int signal);
    void check_deadlines();
    void finish_streams();
    void send(const std::vector<std::uint8_t>& frame);
    StartRequest request() const;
    // Ends the session with this outcome; the first one stands.
    void end(int status, std::string trouble = {});
    Outcome verdict(Outcome outcome) const;
    void tell_of_sleep();

    const Options& options_;
    bool terminal_;
    KernelLog log_;
    Fd signals_;
    Qemu qemu_;
    std::optional<RawTerminal> raw_;
    EscapeWatch escape_;
    Outbox outbox_;
    FrameReader frames_;
    Pump in_;
    Pump out_;
    Pump err_;
    State state_ = State::kBooting;
    bool console_open_ = true;
    bool stdin_told_ = false;
    bool pipe_told_ = false;
    bool sleep_told_ = false;
    std::optional<ExitReport> report_;
    std::optional<Outcome> outcome_;
    std::optional<Clock::time_point> interrupted_;
    Clock::time_point started_ = Clock::now();
    Clock::time_point heard_ = started_;  // the guest's last sign of life
    Clock::time_point state_since_ = started_;
    std::optional<Clock::time_point> trouble_since_;
    std::optional<Clock::time_point> terminated_;  // SIGTERM: when the command was told
    int terminate_signal_ = 0;
};

}  // namespace skald::vm
