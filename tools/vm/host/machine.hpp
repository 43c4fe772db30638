// SPDX-License-Identifier: MIT
// The virtual machine as QEMU's command line: board, processor, disks, shares, ports and cards.
#pragma once

#include <string>
#include <vector>

#include "vm/host/options.hpp"

namespace skald::vm {

// Descriptors that QEMU inherits, by number: one socket for each port, one for the serial console.
struct MachineSockets {
    int console = -1;
    int control = -1;
    int standard_input = -1;
    int standard_output = -1;
    int standard_error = -1;
};

// Card memory where --card does not name it.
inline constexpr const char* kDefaultCardMemory = "1G";

// The whole argument vector. Throws UsageError where a file that it names is not there.
std::vector<std::string> qemu_arguments(const Options& options, const MachineSockets& sockets,
                                        bool kvm);

}  // namespace skald::vm
