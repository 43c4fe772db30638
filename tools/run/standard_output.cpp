// SPDX-License-Identifier: MIT
#include "run/standard_output.hpp"

#include <unistd.h>

#include <cerrno>

#include "libskald/error.hpp"

namespace skald::run {

void StandardOutput::write(std::string_view text) {
    while (!text.empty() && !closed_) {
        const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
        if (n >= 0)
            text.remove_prefix(static_cast<std::size_t>(n));
        else if (errno == EPIPE)
            closed_ = true;
        else if (errno != EINTR)
            throw rt::system_error(errno, "cannot write to standard output");
    }
}

}  // namespace skald::run
