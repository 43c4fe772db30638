// SPDX-License-Identifier: MIT
#include "chip/processes.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <thread>
#include <vector>

#include "libskald/error.hpp"

namespace skald::chip {
namespace {

constexpr int kGood = 0, kThrew = 3;

struct Child {
    std::size_t task = 0;
    pid_t pid = -1;
    int from = -1;
    std::string said;
};

void say_all(int to, std::string_view text) {
    while (!text.empty()) {
        const ssize_t n = ::write(to, text.data(), text.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        text.remove_prefix(static_cast<std::size_t>(n));
    }
}

[[noreturn]] void be_child(int to, std::size_t index,
                           const std::function<std::string(std::size_t)>& task) {
    int status = kGood;
    try {
        say_all(to, task(index));
    } catch (const std::exception& error) {
        say_all(to, error.what());
        status = kThrew;
    }
    ::_exit(status);
}

class Crowd {
  public:
    Crowd() = default;
    ~Crowd() {
        for (const Child& child : children_) {
            ::close(child.from);
            ::waitpid(child.pid, nullptr, 0);
        }
    }
    Crowd(const Crowd&) = delete;
    Crowd& operator=(const Crowd&) = delete;

    [[nodiscard]] std::size_t size() const { return children_.size(); }

    void start(std::size_t index, const std::function<std::string(std::size_t)>& task) {
        int ends[2];
        if (::pipe(ends) != 0)
            throw rt::system_error(errno, "cannot make a pipe");
        std::fflush(nullptr);
        const pid_t pid = ::fork();
        if (pid < 0) {
            const int error = errno;
            ::close(ends[0]);
            ::close(ends[1]);
            throw rt::system_error(error, "cannot start a process");
        }
        if (pid == 0) {
            ::close(ends[0]);
            be_child(ends[1], index, task);
        }
        ::close(ends[1]);
        children_.push_back({index, pid, ends[0], {}});
    }

    // Until one has ended.
    Child wait() {
        while (true) {
            std::vector<pollfd> polled;
            for (const Child& child : children_)
                polled.push_back({child.from, POLLIN, 0});
            if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR)
                throw rt::system_error(errno, "cannot wait for a process");
            for (std::size_t i = 0; i < polled.size(); ++i)
                if (polled[i].revents != 0 && !read_some(children_[i]))
                    return take(i);
        }
    }

  private:
    // False at its end.
    static bool read_some(Child& child) {
        char buffer[4096];
        const ssize_t n = ::read(child.from, buffer, sizeof buffer);
        if (n > 0)
            child.said.append(buffer, static_cast<std::size_t>(n));
        return n > 0 || (n < 0 && errno == EINTR);
    }

    Child take(std::size_t i) {
        Child child = std::move(children_[i]);
        children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(i));
        ::close(child.from);
        int status = 0;
        while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
        }
        if (WIFEXITED(status) && WEXITSTATUS(status) == kGood)
            return child;
        if (WIFEXITED(status) && WEXITSTATUS(status) == kThrew)
            throw rt::Error(child.said, EINVAL);
        throw rt::Error(fmt::format("the process of point {} died", child.task + 1), ECHILD);
    }

    std::vector<Child> children_;
};

}  // namespace

void in_processes(std::size_t count, unsigned jobs,
                  const std::function<std::string(std::size_t)>& task,
                  const std::function<void(std::size_t, const std::string&)>& done) {
    Crowd crowd;
    std::size_t next = 0;
    while (next < count || crowd.size() != 0) {
        while (next < count && crowd.size() < jobs)
            crowd.start(next++, task);
        const Child child = crowd.wait();
        done(child.task, child.said);
    }
}

unsigned job_count(std::uint32_t asked) {
    return asked != 0 ? asked : std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace skald::chip
