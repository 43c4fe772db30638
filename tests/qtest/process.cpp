// SPDX-License-Identifier: MIT
#include "process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

// glibc 2.36 declares pidfd_open() without C linkage.
extern "C" {
#include <sys/pidfd.h>
}

#include <cerrno>
#include <system_error>

namespace skald::qtest {
namespace {

int check(int result, const char* what) {
    if (result < 0) {
        throw std::system_error(errno, std::generic_category(), what);
    }
    return result;
}

// The descriptors a child starts with.
class FileActions {
  public:
    FileActions() { posix_spawn_file_actions_init(&actions_); }
    FileActions(const FileActions&) = delete;
    FileActions& operator=(const FileActions&) = delete;
    ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
    void dup2(int from, int to) { posix_spawn_file_actions_adddup2(&actions_, from, to); }
    [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

  private:
    posix_spawn_file_actions_t actions_{};
};

constexpr int kFirstInherited = 3;
// Our own ends are moved up here, so that no dup2() into the child's places overwrites one.
constexpr int kOutOfTheWay = 64;

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

Fd::~Fd() {
    if (fd_ >= 0) {
        close(fd_);
    }
}

std::pair<Fd, Fd> socket_pair() {
    int ends[2];
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
    const Fd ours(ends[0]);
    const Fd theirs(ends[1]);
    return {Fd(check(fcntl(ends[0], F_DUPFD_CLOEXEC, kOutOfTheWay), "fcntl")),
            Fd(check(fcntl(ends[1], F_DUPFD_CLOEXEC, kOutOfTheWay), "fcntl"))};
}

Process::Process(const std::vector<std::string>& command, const std::vector<const Fd*>& inherited)
    : output_(check(memfd_create("qemu-output", MFD_CLOEXEC), "memfd_create")) {
    std::vector<char*> argv;
    for (const std::string& word : command) {
        argv.push_back(const_cast<char*>(word.c_str()));
    }
    argv.push_back(nullptr);

    FileActions actions;
    actions.dup2(output_.get(), STDOUT_FILENO);
    actions.dup2(output_.get(), STDERR_FILENO);
    for (std::size_t i = 0; i < inherited.size(); ++i) {
        actions.dup2(inherited[i]->get(), kFirstInherited + static_cast<int>(i));
    }
    errno = posix_spawn(&pid_, argv[0], actions.get(), nullptr, argv.data(), environ);
    check(errno == 0 ? 0 : -1, argv[0]);
    pidfd_ = Fd(check(pidfd_open(pid_, 0), "pidfd_open"));
}

Process::~Process() {
    if (!status_) {
        signal(SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
}

void Process::signal(int number) {
    if (!status_) {
        kill(pid_, number);
    }
}

std::optional<int> Process::wait(std::chrono::seconds patience) {
    if (status_) {
        return status_;
    }
    pollfd ended{pidfd_.get(), POLLIN, 0};
    const std::chrono::milliseconds timeout = patience;
    if (check(poll(&ended, 1, static_cast<int>(timeout.count())), "poll") == 0) {
        return std::nullopt;
    }
    int status = 0;
    check(waitpid(pid_, &status, 0), "waitpid");
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return status_;
}

std::string Process::output() const {
    std::string text(static_cast<std::size_t>(check(lseek(output_.get(), 0, SEEK_CUR), "lseek")),
                     '\0');
    const ssize_t got = pread(output_.get(), text.data(), text.size(), 0);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
}

}  // namespace skald::qtest
