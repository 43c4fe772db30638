// SPDX-License-Identifier: MIT
// The virtio-serial ports of the guest, found by name as udev would.
#pragma once

#include <string_view>

#include "vm/io.hpp"

namespace skald::vm::guest {

// Opens /dev/vportXpY whose sysfs name this is, for reading and writing, not blocking.
Fd open_port(std::string_view name);

}  // namespace skald::vm::guest
