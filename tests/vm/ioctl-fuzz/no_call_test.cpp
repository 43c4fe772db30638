// SPDX-License-Identifier: MIT
// What no sequence of calls may do. Anything the kernel itself has to say about it is in its log.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "client.hpp"
#include "context.hpp"
#include "kcov.hpp"
#include "options.hpp"
#include "process.hpp"

namespace skald::test {
namespace {

constexpr int kSettleSeconds = 120;  // jobs that hang are found by the watchdog

// The errors that uapi and DRM document; of a card that is well there is no other.
const std::set<int> kErrors = {0,         EPERM,  ENOENT, EINTR,           E2BIG,    EBADF,
                               EAGAIN,    ENOMEM, EACCES, EFAULT,          EBUSY,    EEXIST,
                               EINVAL,    ENOTTY, ENOSPC, ERANGE,          ENOSYS,   EOPNOTSUPP,
                               EOVERFLOW, ETIME,  EUSERS, ENOTRECOVERABLE, ECANCELED};

struct Process {
    pid_t pid;
    Fd report;
};

Process start(std::uint64_t seed, bool guided, Knowledge& all) {
    std::array<int, 2> ends;
    if (::pipe(ends.data()) != 0)
        throw std::runtime_error("pipe");
    Fd report(ends[0]), mine(ends[1]);
    const pid_t pid = ::fork();
    if (pid != 0)
        return {pid, std::move(report)};
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::string text;
    int status = 0;
    try {
        for (const auto& [what, count] : (guided ? guided_calls : random_calls)(seed, all))
            text += fmt::format("{}\t{}\t{}\n", what.first, what.second, count);
    } catch (const std::exception& what) {
        text += fmt::format("!\t{}\n", what.what());
        status = 1;
    }
    // The table fits into a pipe, and is read when we have ended.
    if (::write(mine.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        status = 1;
    ::_exit(status);
}

std::string read_all(int fd) {
    std::string text;
    std::array<char, 4096> buffer;
    for (ssize_t n = 0; (n = ::read(fd, buffer.data(), buffer.size())) > 0;)
        text.append(buffer.data(), static_cast<std::size_t>(n));
    return text;
}

// Somebody who keeps the rules beside those who do not.
void expect_works(Random& random) {
    const Device device;
    Context context(device);
    const std::uint64_t value = random();
    ASSERT_EQ(context.run(write_word(0, value)), 0);
    ASSERT_EQ(context.data(0), value);
}

TEST(IoctlFuzz, NoCallHurtsAnotherClientOrIsLeftUndone) {
    const FuzzOptions& options = fuzz_options();
    std::cout << fmt::format("seed {}\n", options.seed);
    const std::uint64_t base = Device().settled_usage().mem_used;
    Random random(options.seed);
    const Shared<Knowledge> all;
    const bool guided = options.guided && Kcov::is_there();
    if (options.guided && !guided)
        std::cout << "no kcov on this kernel: nothing guides the calls\n";
    std::vector<Process> processes;
    for (unsigned i = 0; i < options.processes; ++i)
        processes.push_back(start(options.seed * 1000 + i, guided && i % 2 == 1, *all));
    std::map<std::pair<std::string, int>, std::uint64_t> outcomes;
    std::uint64_t calls = 0;
    for (Process& process : processes) {
        int status = 0;
        while (::waitpid(process.pid, &status, WNOHANG) == 0) {
            expect_works(random);
            ::usleep(100000);  // it is a load beside the load
        }
        const std::string text = read_all(process.report.get());
        EXPECT_EQ(status, 0) << text;
        std::istringstream lines(text);
        std::string name, error, count;
        while (std::getline(lines, name, '\t') && std::getline(lines, error, '\t') &&
               std::getline(lines, count)) {
            outcomes[{name, std::stoi(error)}] += std::stoull(count);
            calls += std::stoull(count);
        }
    }
    for (const auto& [what, count] : outcomes) {
        EXPECT_TRUE(kErrors.contains(what.second))
            << what.first << " ended " << count << " times with " << std::strerror(what.second);
        if (options.table)
            std::cout << fmt::format("{:<22} {:>8} {}\n", what.first, count,
                                     what.second ? std::strerror(what.second) : "done");
    }
    std::cout << fmt::format("{} calls\n", calls);
    if (Kcov::is_there()) {
        std::cout << fmt::format("{} places of the driver reached, on {} ways, {} sequences kept\n",
                                 all->reached.size(), all->ways.size(), all->corpus.size());
        EXPECT_NE(all->reached.size(), 0u) << "skald.ko was not compiled for kcov";
    }
    expect_works(random);
    drm_skald_query_usage left{};
    const std::int64_t deadline = monotonic_ns() + kSettleSeconds * 1000000000ll;
    do
        left = Device().settled_usage();
    while ((left.vms != 0 || left.queues != 0 || left.mem_used != base) &&
           monotonic_ns() < deadline);
    EXPECT_EQ(left.vms, 0u);
    EXPECT_EQ(left.queues, 0u);
    EXPECT_EQ(left.mem_used, base);
}

}  // namespace
}  // namespace skald::test
