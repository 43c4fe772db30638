// SPDX-License-Identifier: MIT
// The command the guest was booted for: started in a session of its own on three pipes or on a
// pseudo-terminal.
#pragma once

#include <sys/types.h>

#include "vm/io.hpp"
#include "vm/protocol.hpp"

namespace skald::vm::guest {

struct Child {
    pid_t pid = -1;
    // Our ends. With a terminal, `input` and `output` are both its master and `error` is empty.
    Fd input;
    Fd output;
    Fd error;
};

Child start_child(const StartRequest& request);

void resize_terminal(int master, const Window& window);

// The status a shell would tell: 128 + n for one that signal n ended.
std::uint32_t shell_status(int wait_status);

}  // namespace skald::vm::guest
