// SPDX-License-Identifier: MIT
// The guest's init: makes the machine usable, tells the host it is there, runs the one command it
// is asked to run, carries its streams, signals and status, and switches off.
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <memory>
#include <string>

#include "vm/guest/child.hpp"
#include "vm/guest/ports.hpp"
#include "vm/guest/system.hpp"
#include "vm/io.hpp"
#include "vm/protocol.hpp"

namespace skald::vm::guest {
namespace {

// One second between signs of life; the host allows for many lost ones.
constexpr itimerspec kHeartbeat = {{1, 0}, {1, 0}};

Fd open_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGCHLD);
    check(::sigprocmask(SIG_BLOCK, &set, nullptr), "sigprocmask");
    ::signal(SIGPIPE, SIG_IGN);
    return Fd(check(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), "signalfd"));
}

Fd open_timer() {
    Fd timer(check(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd"));
    check(::timerfd_settime(timer.get(), 0, &kHeartbeat, nullptr), "timerfd");
    return timer;
}

class Init {
  public:
    Init()
        : control_(open_port(kControlPort)),
          stdin_(open_port(kStdinPort)),
          stdout_(open_port(kStdoutPort)),
          stderr_(open_port(kStderrPort)) {
        send(encode_frame(MessageType::kReady));
    }

    // Until the host says that all has arrived, or is gone.
    void serve() {
        while (!power_off_)
            turn();
    }

    void fail(const std::string& why) { send(encode_text(MessageType::kFailure, why)); }

  private:
    void turn() {
        enum { kControlAt, kSignalsAt, kTimerAt, kStreamsAt };
        pollfd polls[kStreamsAt + 6];
        polls[kControlAt] = {control_.get(),
                             static_cast<short>(outbox_.empty() ? POLLIN : POLLIN | POLLOUT), 0};
        polls[kSignalsAt] = {signals_.get(), POLLIN, 0};
        polls[kTimerAt] = {timer_.get(), POLLIN, 0};
        Pump* pumps[] = {in_.get(), out_.get(), err_.get()};
        for (int i = 0; i < 3; ++i) {
            polls[kStreamsAt + 2 * i] = pumps[i] ? pumps[i]->source_poll() : pollfd{-1, 0, 0};
            polls[kStreamsAt + 2 * i + 1] = pumps[i] ? pumps[i]->sink_poll() : pollfd{-1, 0, 0};
        }
        if (::poll(polls, std::size(polls), -1) < 0 && errno != EINTR)
            check(-1, "poll");
        for (int i = 0; i < 3; ++i)
            if (pumps[i])
                pumps[i]->step(polls[kStreamsAt + 2 * i].revents,
                               polls[kStreamsAt + 2 * i + 1].revents);
        if (polls[kTimerAt].revents != 0)
            beat();
        if (polls[kSignalsAt].revents != 0)
            reap();
        if (polls[kControlAt].revents != 0)
            hear();
        outbox_.flush(control_.get());
        if (in_ && in_->done() && child_.input)
            end_input();
        if (ended_ && !reported_ && out_->done() && (!err_ || err_->done()))
            report();
    }

    void end_input() {
        // A pipe ends by being closed. A terminal stays open; its end of file is a typed Ctrl-D.
        constexpr std::uint8_t kCtrlD = 4;
        if (terminal_ && ::write(child_.input.get(), &kCtrlD, 1) < 0)
            log("the terminal takes no end of file");
        in_.reset();
        child_.input.reset();
    }

    void beat() {
        std::uint64_t expired = 0;
        if (::read(timer_.get(), &expired, sizeof(expired)) > 0 && outbox_.empty())
            send(encode_frame(MessageType::kHeartbeat));
    }

    void hear() {
        std::uint8_t bytes[4096];
        ssize_t count = 0;
        while ((count = ::read(control_.get(), bytes, sizeof(bytes))) > 0)
            frames_.feed({bytes, static_cast<std::size_t>(count)});
        if (count == 0)
            power_off_ = true;  // the host closed its end
        while (const auto message = frames_.next())
            obey(*message);
    }

    void obey(const Message& message) {
        switch (message.type) {
            case MessageType::kStart:
                start(decode_start(message));
                break;
            case MessageType::kSignal:
                if (child_.pid > 0 && !ended_)
                    ::kill(-child_.pid, static_cast<int>(decode_number(message)));
                break;
            case MessageType::kWindow:
                if (terminal_ && child_.output)
                    resize_terminal(child_.output.get(), decode_window(message));
                break;
            case MessageType::kStdinEnd:
                if (in_)
                    in_->limit(decode_number(message));
                break;
            case MessageType::kPowerOff:
                power_off_ = true;
                break;
            default:
                throw ProtocolError("the host sent a message that only a guest sends");
        }
    }

    void start(const StartRequest& request) {
        for (const std::string& module : request.modules)
            if (!load_module(module))
                return fail("the kernel module '" + module + "' could not be loaded");
        for (std::size_t i = 0; i < request.shares.size(); ++i)
            mount_share("share" + std::to_string(i), request.shares[i]);
        shares_ = request.shares;
        terminal_ = request.terminal;
        child_ = start_child(request);
        using Sink = Pump::Sink;
        in_ = std::make_unique<Pump>(stdin_.get(), child_.input.get(), Sink::kNonblocking);
        out_ = std::make_unique<Pump>(child_.output.get(), stdout_.get(), Sink::kNonblocking);
        if (child_.error)
            err_ = std::make_unique<Pump>(child_.error.get(), stderr_.get(), Sink::kNonblocking);
        send(encode_frame(MessageType::kStarted));
    }

    void reap() {
        signalfd_siginfo info;
        while (::read(signals_.get(), &info, sizeof(info)) > 0)
            continue;
        int status = 0;
        pid_t pid = 0;
        while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0)
            if (pid == child_.pid) {
                ended_ = true;
                status_ = shell_status(status);
                // The machine ends with its command; what it left behind would hold the pipes open.
                ::kill(-1, SIGKILL);
            }
    }

    void report() {
        reported_ = true;
        while (::waitpid(-1, nullptr, 0) > 0)
            continue;
        for (const std::string& share : shares_)
            unmount_share(share);
        send(encode(ExitReport{status_, out_->moved(), err_ ? err_->moved() : 0}));
    }

    void send(const std::vector<std::uint8_t>& frame) {
        outbox_.push(frame);
        outbox_.flush(control_.get());
    }

    Fd control_;
    Fd stdin_;
    Fd stdout_;
    Fd stderr_;
    Fd signals_ = open_signals();
    Fd timer_ = open_timer();
    Outbox outbox_;
    FrameReader frames_;
    Child child_;
    std::unique_ptr<Pump> in_;
    std::unique_ptr<Pump> out_;
    std::unique_ptr<Pump> err_;
    std::vector<std::string> shares_;
    std::uint32_t status_ = 0;
    bool terminal_ = false;
    bool ended_ = false;
    bool reported_ = false;
    bool power_off_ = false;
};

void serve_host() {
    Init init;
    try {
        init.serve();
    } catch (const std::exception& error) {
        init.fail(error.what());
        throw;
    }
}

}  // namespace
}  // namespace skald::vm::guest

int main() {
    using namespace skald::vm::guest;
    try {
        mount_kernel_file_systems();
        load_boot_modules();
        serve_host();
    } catch (const std::exception& error) {
        log(error.what());
    }
    power_off();
}
