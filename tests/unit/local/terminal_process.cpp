// SPDX-License-Identifier: MIT
#include "terminal_process.hpp"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>

namespace skald::test {

TerminalProcess::TerminalProcess(const std::vector<std::string>& command) {
    std::vector<char*> words;
    for (const std::string& word : command)
        words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    const winsize size{24, 80, 0, 0};
    pid_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
    if (pid_ < 0)
        throw std::runtime_error("cannot make a terminal");
    if (pid_ == 0) {
        ::setenv("TERM", "xterm", 1);
        ::execvp(words[0], words.data());
        ::_exit(127);
    }
}

TerminalProcess::~TerminalProcess() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    ::close(terminal_);
}

void TerminalProcess::type(const std::string& keys) {
    if (::write(terminal_, keys.data(), keys.size()) != static_cast<ssize_t>(keys.size()))
        throw std::runtime_error("cannot write to the terminal");
}

bool TerminalProcess::read_some() {
    constexpr int kPatienceMs = 30'000;
    pollfd readable{terminal_, POLLIN, 0};
    if (::poll(&readable, 1, kPatienceMs) <= 0)
        return false;
    std::array<char, 4096> part;
    const ssize_t n = ::read(terminal_, part.data(), part.size());
    if (n <= 0)
        return false;  // EIO: nobody has the other end any more
    screen_.append(part.data(), static_cast<std::size_t>(n));
    return true;
}

bool TerminalProcess::wait_for(const std::string& text) {
    for (;;) {
        const std::size_t at = screen_.find(text, seen_);
        if (at != std::string::npos) {
            seen_ = at + text.size();
            return true;
        }
        if (!read_some())
            return false;
    }
}

int TerminalProcess::wait() {
    while (read_some()) {
    }
    // Nobody has the terminal any more, or nothing has come for long: then it will not end.
    int status = 0;
    for (int i = 0; i < 100; ++i) {
        if (::waitpid(pid_, &status, WNOHANG) != 0) {
            pid_ = -1;
            return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        }
        ::usleep(50'000);
    }
    return -1;
}

bool TerminalProcess::is_cooked() const {
    termios mode{};
    return ::tcgetattr(terminal_, &mode) == 0 && (mode.c_lflag & ICANON) != 0 &&
           (mode.c_lflag & ECHO) != 0;
}

}  // namespace skald::test
