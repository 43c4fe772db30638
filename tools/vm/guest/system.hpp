// SPDX-License-Identifier: MIT
// What an init has to do to a bare kernel: mounts, modules, the way to the log, and the way out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace skald::vm::guest {

// Kernel file systems as every program expects them. The first thing to call.
void mount_kernel_file_systems();

// Loads the modules that /etc/skald/modules lists, in its order.
void load_boot_modules();

// modprobe NAME; false if that failed (modprobe and the kernel log say why).
bool load_module(const std::string& name);

// Mounts the 9p tag at a path, which is made first.
void mount_share(const std::string& tag, const std::string& path);

// Flushes and unmounts; what cannot be unmounted is reported and left.
void unmount_share(const std::string& path);

// A line in the kernel log, which the host keeps.
void log(std::string_view text);

[[noreturn]] void power_off();

}  // namespace skald::vm::guest
