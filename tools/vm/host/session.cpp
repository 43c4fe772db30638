// SPDX-License-Identifier: MIT
// The life of one guest, as an event loop over poll.
#include "vm/host/session.hpp"

#include <fmt/format.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "console/standard_streams.hpp"

extern char** environ;

namespace skald::vm {
namespace {

using std::chrono::seconds;

// Limits of wall time, generous: a sanitized guest on a busy host must fit.
constexpr seconds kBoot{240};      // until init speaks
constexpr seconds kSilence{90};    // between two signs of life
constexpr seconds kSwitchOff{60};  // from the last message to the end of QEMU
constexpr seconds kAfterOops{30};  // what a command still gets when the kernel is unwell
constexpr seconds kAfterTerm{3};   // and after a SIGTERM
constexpr seconds kSecondInterrupt{1};

constexpr std::array kForwarded = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};

Fd open_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : kForwarded)
        ::sigaddset(&set, signal);
    check(::sigprocmask(SIG_BLOCK, &set, nullptr), "sigprocmask");
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGTTIN, SIG_IGN);  // in the background standard input is at its end
    return Fd(check(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), "signalfd"));
}

bool passes(std::string_view variable) {
    constexpr std::array<std::string_view, 8> kAllowed = {
        "TERM=", "COLORTERM=", "NO_COLOR=", "LANG=", "LC_ALL=", "LC_CTYPE=", "TZ=", "SKALD_"};
    return std::ranges::any_of(kAllowed,
                               [variable](auto name) { return variable.starts_with(name); });
}

}  // namespace

Session::Session(const Options& options, const std::filesystem::path& logs)
    : options_(options),
      terminal_(options.terminal || (options.command.empty() && ::isatty(STDIN_FILENO) == 1)),
      log_(logs / "kernel.log"),
      signals_(open_signals()),
      qemu_(options, logs / "qemu.log"),
      in_(STDIN_FILENO, qemu_.standard_input().get(), Pump::Sink::kNonblocking),
      out_(qemu_.standard_output().get(), STDOUT_FILENO, Pump::Sink::kShared),
      err_(qemu_.standard_error().get(), STDERR_FILENO, Pump::Sink::kShared) {
    if (terminal_ && ::isatty(STDIN_FILENO) == 1)
        raw_.emplace(STDIN_FILENO);
}

Outcome Session::run() {
    while (!outcome_)
        turn();
    qemu_.stop();
    hear_console();
    raw_.reset();
    return verdict(outcome_.value_or(Outcome{}));
}

void Session::turn() {
    enum { kProcess, kSignals, kControl, kConsole, kStreams };
    std::array<Pump*, 3> pumps = {&in_, &out_, &err_};
    std::array<pollfd, kStreams + 6> polls{};
    polls[kProcess] = {qemu_.process(), POLLIN, 0};
    polls[kSignals] = {signals_.get(), POLLIN, 0};
    polls[kControl] = {qemu_.control().get(),
                       static_cast<short>(outbox_.empty() ? POLLIN : POLLIN | POLLOUT), 0};
    polls[kConsole] = {console_open_ ? qemu_.console().get() : -1, POLLIN, 0};
    for (std::size_t i = 0; i < pumps.size(); ++i) {
        polls[kStreams + 2 * i] = pumps[i]->source_poll();
        polls[kStreams + 2 * i + 1] = pumps[i]->sink_poll();
    }
    if (::poll(polls.data(), polls.size(), milliseconds_left()) < 0 && errno != EINTR)
        check(-1, "poll");

    if (polls[kConsole].revents != 0)
        hear_console();
    for (std::size_t i = 0; i < pumps.size(); ++i)
        pumps[i]->step(polls[kStreams + 2 * i].revents, polls[kStreams + 2 * i + 1].revents);
    if (polls[kControl].revents != 0)
        hear_guest();
    if (polls[kSignals].revents != 0)
        hear_signals();
    if (raw_ && escape_.escaped(in_.fresh(), Clock::now()))
        end(128 + SIGINT, {});
    finish_streams();
    if (polls[kProcess].revents != 0)
        hear_end();
    check_deadlines();
}

// The next moment at which something is due, as poll wants it.
int Session::milliseconds_left() const {
    using std::chrono::milliseconds;
    const Clock::time_point now = Clock::now();
    // Nothing here is due more precisely than that, and a turn costs microseconds.
    Clock::time_point next = now + seconds(1);
    if (options_.timeout_s != 0)
        next = std::min(next, started_ + seconds(options_.timeout_s));
    const auto left = std::chrono::ceil<milliseconds>(next - now).count();
    return static_cast<int>(std::max<std::int64_t>(left, 0));
}

void Session::hear_console() {
    std::array<std::uint8_t, 4096> bytes;
    ssize_t count = 0;
    while (console_open_ && (count = ::read(qemu_.console().get(), bytes.data(), bytes.size())) > 0)
        log_.append(std::span(bytes).first(static_cast<std::size_t>(count)));
    if (count == 0)
        console_open_ = false;
    if (log_.trouble() && !trouble_since_)
        trouble_since_ = Clock::now();
    tell_of_sleep();
}

// At once: what touches a share from then on waits for ever, and signs of life go on.
void Session::tell_of_sleep() {
    if (sleep_told_ || !log_.suspended() || options_.shares.empty())
        return;
    sleep_told_ = true;
    console::say(
        "skald-vm: the guest goes to sleep: Linux does not wake its shared directories (9p over "
        "virtio), so that what uses one hangs; --disk survives{}\n",
        raw_ ? "\r" : "");
}

void Session::hear_guest() {
    std::array<std::uint8_t, 4096> bytes;
    ssize_t count = 0;
    while ((count = ::read(qemu_.control().get(), bytes.data(), bytes.size())) > 0) {
        frames_.feed(std::span(bytes).first(static_cast<std::size_t>(count)));
        heard_ = Clock::now();
    }
    while (const auto message = frames_.next())
        obey(*message);
    outbox_.flush(qemu_.control().get());
}

void Session::obey(const Message& message) {
    switch (message.type) {
        case MessageType::kReady:
            send(encode(request()));
            break;
        case MessageType::kStarted:
            state_ = State::kRunning;
            break;
        case MessageType::kHeartbeat:
            break;
        case MessageType::kExit:
            report_ = decode_exit(message);
            out_.limit(report_->stdout_bytes);
            err_.limit(report_->stderr_bytes);
            state_ = State::kDraining;
            break;
        case MessageType::kFailure:
            end(kGuestFailed, decode_text(message));
            break;
        default:
            throw ProtocolError("the guest sent a message that only a host sends");
    }
}

StartRequest Session::request() const {
    StartRequest request;
    request.terminal = terminal_;
    if (terminal_)
        request.window = window_of(STDIN_FILENO);
    request.directory = std::filesystem::current_path().string();
    if (options_.cards > 0 && options_.driver)
        request.modules.emplace_back("skald");
    for (const std::filesystem::path& share : options_.shares)
        request.shares.push_back(share.string());
    request.command = options_.command;
    for (char** variable = environ; *variable != nullptr; ++variable)
        if (passes(*variable))
            request.variables.emplace_back(*variable);
    request.variables.insert(request.variables.end(), options_.variables.begin(),
                             options_.variables.end());
    return request;
}

void Session::finish_streams() {
    if (in_.done() && !stdin_told_ && state_ == State::kRunning) {
        stdin_told_ = true;
        send(encode_number(MessageType::kStdinEnd, in_.moved()));
    }
    // As a pipe without a reader has it; what was lost for another reason is told at the end.
    if (out_.sink_broken() && !pipe_told_ && state_ == State::kRunning) {
        pipe_told_ = true;
        send(encode_number(MessageType::kSignal, SIGPIPE));
    }
    if (state_ == State::kDraining && out_.done() && err_.done()) {
        send(encode_frame(MessageType::kPowerOff));
        state_ = State::kSwitchingOff;
        state_since_ = Clock::now();
    }
}

void Session::hear_signals() {
    signalfd_siginfo info;
    while (::read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
        const int signal = static_cast<int>(info.ssi_signo);
        if (signal == SIGWINCH) {
            if (terminal_ && state_ == State::kRunning)
                send(encode(window_of(STDIN_FILENO)));
        } else {
            interrupt(signal);
        }
    }
}

void Session::interrupt(int signal) {
    const Clock::time_point now = Clock::now();
    const bool ends =
        signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT;
    const bool again =
        (signal == SIGINT && interrupted_ && now - *interrupted_ <= kSecondInterrupt) ||
        (signal != SIGINT && terminated_);
    if (ends && (again || state_ == State::kBooting))
        return end(128 + signal);
    if (state_ != State::kRunning)
        return;
    send(encode_number(MessageType::kSignal, static_cast<std::uint64_t>(signal)));
    if (signal == SIGINT)
        interrupted_ = now;
    if (signal == SIGTERM || signal == SIGHUP) {
        terminated_ = now;
        terminate_signal_ = signal;
    }
}

void Session::hear_end() {
    const auto how = qemu_.ended();
    if (!how)
        return;
    hear_console();
    if (report_ && state_ == State::kSwitchingOff)
        return end(static_cast<int>(report_->status));
    if (const auto says = log_.init_says(); says && !says->empty())
        return end(kGuestFailed, *says);
    if (state_ == State::kBooting && !log_.any())
        return end(kCannotRun, fmt::format("QEMU did not start ({})", *how));
    end(kGuestFailed, fmt::format("the guest ended before the command did (QEMU: {})", *how));
}

void Session::check_deadlines() {
    const Clock::time_point now = Clock::now();
    if (options_.timeout_s != 0 && now - started_ >= seconds(options_.timeout_s))
        end(kTimedOut, fmt::format("not finished after {} s (--timeout)", options_.timeout_s));
    if (terminated_ && now - *terminated_ >= kAfterTerm)
        end(128 + terminate_signal_);
    if (trouble_since_ && !options_.allow_warnings && now - *trouble_since_ >= kAfterOops)
        end(kGuestFailed);
    if (state_ == State::kBooting && now - started_ >= kBoot)
        end(kGuestFailed, fmt::format("the guest did not boot within {} s", kBoot.count()));
    if (state_ == State::kRunning && now - heard_ >= kSilence)
        end(kGuestFailed,
            fmt::format("the guest hangs: no sign of life for {} s", kSilence.count()));
    if (state_ == State::kSwitchingOff && now - state_since_ >= kSwitchOff)
        end(kGuestFailed,
            fmt::format("the guest did not switch off within {} s", kSwitchOff.count()));
}

void Session::send(const std::vector<std::uint8_t>& frame) {
    outbox_.push(frame);
    outbox_.flush(qemu_.control().get());
}

void Session::end(int status, std::string trouble) {
    if (!outcome_)
        outcome_ = Outcome{status, std::move(trouble)};
}

// A kernel that complained makes a failure of everything but a failure that is one already.
Outcome Session::verdict(Outcome outcome) const {
    for (const auto& [pump, stream] : {std::pair(&out_, "output"), std::pair(&err_, "error")})
        if (const int error = pump->sink_error(); error != 0 && error != EPIPE) {
            outcome.remarks.push_back(fmt::format("standard {}: {}", stream, std::strerror(error)));
            if (outcome.status < kOutputLost || outcome.status > kCannotRun)
                outcome.status = kOutputLost;
        }
    if (const auto& killed = log_.killed())
        outcome.remarks.push_back(fmt::format(
            "the guest ran out of memory, and its kernel killed {}; --memory gives it more than "
            "{} MiB",
            *killed, options_.memory_mib));
    const auto& trouble = log_.trouble();
    if (trouble && !options_.allow_warnings && outcome.status != kCannotRun) {
        outcome.status = kGuestFailed;
        if (!outcome.trouble.empty())
            outcome.trouble += "; ";
        outcome.trouble += "the kernel says: " + *trouble;
    }
    return outcome;
}

}  // namespace skald::vm
