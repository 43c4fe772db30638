// SPDX-License-Identifier: MIT
#include "console/standard_streams.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iterator>

namespace skald::console {

void fill_standard_streams() {
    int fd = 0;
    while ((fd = ::open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
        continue;
    if (fd > STDERR_FILENO)
        ::close(fd);
}

void say_formatted(fmt::string_view format, fmt::format_args args) noexcept {
    try {
        fmt::memory_buffer text;
        fmt::vformat_to(std::back_inserter(text), format, args);
        (void)std::fwrite(text.data(), 1, text.size(), stderr);
    } catch (...) {  // no memory even for that
    }
}

int finish(std::string_view program, int status, int failed) noexcept {
    // The reason of a write that failed earlier is not known any more.
    const bool before = std::ferror(stdout) != 0;
    const bool now = std::fflush(stdout) != 0;
    if (status != 0 || (!before && !now))
        return status;
    const char* const reason = before ? "not all could be written" : std::strerror(errno);
    say("{}: standard output: {}\n", program, reason);
    return failed;
}

}  // namespace skald::console
