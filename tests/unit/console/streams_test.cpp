// SPDX-License-Identifier: MIT
// Standard streams that are missing or full, in every tool.
#include "console/standard_streams.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ostream>
#include <string>

namespace skald::console {
namespace {

struct Outcome {
    int status;
    std::string out;
};

Outcome shell(const std::string& line) {
    Outcome o{};
    std::FILE* pipe = ::popen(line.c_str(), "r");
    char buffer[4096];
    while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe))
        o.out.append(buffer, n);
    const int status = ::pclose(pipe);
    o.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return o;
}

struct Tool {
    const char* name;
    const char* path;
    int usage = 2;   // exit status after a wrong command line
    int failed = 1;  // and where the output cannot be written
};

void PrintTo(const Tool& tool, std::ostream* out) {
    *out << tool.name;
}

class Streams : public testing::TestWithParam<Tool> {
  protected:
    static Outcome run(const std::string& words) {
        return shell(std::string("exec '") + GetParam().path + "' " + words);
    }
};

TEST_P(Streams, AMistakeHasItsStatusWhereNobodyCanReadOfIt) {
    for (const char* redirection : {"2>&-", "2>/dev/full"})
        EXPECT_EQ(run(std::string("--no-such-option ") + redirection).status, GetParam().usage)
            << redirection;
}

TEST_P(Streams, OutputThatCannotBeWrittenIsAnErrorOfOneLine) {
    const Outcome o = run("--help 2>&1 >/dev/full");
    EXPECT_EQ(o.status, GetParam().failed);
    EXPECT_EQ(std::ranges::count(o.out, '\n'), 1) << o.out;
    EXPECT_TRUE(o.out.starts_with(std::string(GetParam().name) + ": ")) << o.out;
    EXPECT_NE(o.out.find("standard output"), std::string::npos) << o.out;
}

TEST_P(Streams, HelpNeedsNoOtherStream) {
    const Outcome o = run("--help <&- 2>&-");
    EXPECT_EQ(o.status, 0);
    EXPECT_NE(o.out.find(GetParam().name), std::string::npos) << o.out;
}

INSTANTIATE_TEST_SUITE_P(Tools, Streams,
                         testing::Values(Tool{"llm-bench", LLM_BENCH},
                                         Tool{"llm-compile", LLM_COMPILE}, Tool{"llm-run", LLM_RUN},
                                         Tool{"skald-smi", SKALD_SMI},
                                         Tool{"skald-vm", SKALD_VM, 125, 125}));

TEST(StandardStreams, NoFileTakesThePlaceOfOneThatIsMissing) {
    const pid_t child = ::fork();
    if (child == 0) {
        for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
            ::close(fd);
        fill_standard_streams();
        char byte = 0;
        const bool good = ::open("/proc/self/exe", O_RDONLY) > STDERR_FILENO &&
                          ::read(STDIN_FILENO, &byte, 1) == 0 &&
                          ::write(STDOUT_FILENO, "x", 1) == 1 &&
                          ::write(STDERR_FILENO, "x", 1) == 1;
        ::_exit(good ? 0 : 1);
    }
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace skald::console
