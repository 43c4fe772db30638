// SPDX-License-Identifier: MIT
#include "process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <utility>

extern char** environ;

namespace skald::test {
namespace {

// An unnamed file with the input: no pipe that somebody would have to feed.
int input_file(const std::string& input) {
    std::string name = "/tmp/skald-test-XXXXXX";
    const int fd = ::mkostemp(name.data(), O_CLOEXEC);
    if (fd < 0)
        throw std::runtime_error("cannot create a file below /tmp");
    ::unlink(name.c_str());
    if (::write(fd, input.data(), input.size()) != static_cast<ssize_t>(input.size()))
        throw std::runtime_error("cannot write the input of a program");
    ::lseek(fd, 0, SEEK_SET);
    return fd;
}

}  // namespace

Process::Process(const std::vector<std::string>& command, const std::string& input) {
    std::array<int, 2> out, err;
    if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0)
        throw std::runtime_error("no pipe");
    const int in = input_file(input);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, err[1], 2);
    std::vector<char*> argv;
    for (const std::string& word : command)
        argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    const int failed = ::posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(in);
    ::close(out[1]);
    ::close(err[1]);
    out_ = out[0];
    err_ = err[0];
    if (failed != 0)
        throw std::runtime_error("cannot start " + command[0]);
}

Process::~Process() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    close_output();
    if (err_ >= 0)
        ::close(err_);
}

void Process::signal(int number) const {
    if (pid_ > 0)
        ::kill(pid_, number);
}

void Process::close_output() {
    if (out_ >= 0)
        ::close(out_);
    out_ = -1;
}

bool Process::read_some() {
    std::array<pollfd, 2> fds{pollfd{out_, POLLIN, 0}, pollfd{err_, POLLIN, 0}};
    if (out_ < 0 && err_ < 0)
        return false;
    if (::poll(fds.data(), fds.size(), -1) < 0)
        return errno == EINTR;
    const std::array<std::pair<int*, std::string*>, 2> pipes{std::pair{&out_, &result_.out},
                                                             std::pair{&err_, &result_.err}};
    for (std::size_t i = 0; i < pipes.size(); i++) {
        if (fds[i].revents == 0)
            continue;
        std::array<char, 65536> part;
        const ssize_t n = ::read(*pipes[i].first, part.data(), part.size());
        if (n > 0) {
            pipes[i].second->append(part.data(), static_cast<std::size_t>(n));
        } else {
            ::close(*pipes[i].first);
            *pipes[i].first = -1;
        }
    }
    return true;
}

bool Process::wait_for_input(int fd) {
    for (;;) {
        const bool ended = out_ < 0 && err_ < 0;  // both of its outputs end where it does
        std::array<pollfd, 3> fds{pollfd{fd, POLLIN, 0}, pollfd{out_, POLLIN, 0},
                                  pollfd{err_, POLLIN, 0}};
        if (::poll(fds.data(), fds.size(), ended ? 0 : -1) < 0 && errno != EINTR)
            return false;
        if (fds[0].revents != 0 || ended)
            return (fds[0].revents & POLLIN) != 0;
        if ((fds[1].revents | fds[2].revents) != 0)
            read_some();
    }
}

void Process::wait_for_output(std::size_t bytes) {
    while (out_ >= 0 && result_.out.size() < bytes)
        read_some();
}

Finished Process::wait() {
    while (read_some()) {
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    result_.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return result_;
}

Finished run(const std::vector<std::string>& command, const std::string& input) {
    return Process(command, input).wait();
}

}  // namespace skald::test
