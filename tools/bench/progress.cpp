// SPDX-License-Identifier: MIT
#include "bench/progress.hpp"

#include <unistd.h>

#include "console/standard_streams.hpp"

namespace skald::bench {

Progress::Progress() : terminal_(::isatty(STDERR_FILENO) != 0) {}

void Progress::show(const std::string& text) {
    if (!terminal_)
        return;
    console::say("\r\033[K{}", text);
    shown_ = true;
}

void Progress::clear() {
    if (!shown_)
        return;
    console::say("\r\033[K");
    shown_ = false;
}

}  // namespace skald::bench
