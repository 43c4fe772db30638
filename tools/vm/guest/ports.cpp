// SPDX-License-Identifier: MIT
// Finding virtio-serial ports by name.
#include "vm/guest/ports.hpp"

#include <fcntl.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

namespace skald::vm::guest {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> find_port(std::string_view name) {
    const fs::path ports = "/sys/class/virtio-ports";
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(ports, none)) {
        std::ifstream file(entry.path() / "name");
        std::string found;
        if (std::getline(file, found) && found == name)
            return fs::path("/dev") / entry.path().filename();
    }
    return std::nullopt;
}

}  // namespace

Fd open_port(std::string_view name) {
    // The device announces its ports by messages handled in a work item, some time after the
    // driver has bound; sysfs offers no notice that could be waited for without udev.
    using namespace std::chrono_literals;
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    std::optional<fs::path> path;
    while (!(path = find_port(name))) {
        if (std::chrono::steady_clock::now() > deadline)
            throw std::runtime_error("there is no virtio-serial port named " + std::string(name));
        std::this_thread::sleep_for(2ms);
    }
    return Fd(check(::open(path->c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC), path->string()));
}

}  // namespace skald::vm::guest
