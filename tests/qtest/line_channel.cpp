// SPDX-License-Identifier: MIT
#include "line_channel.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <stdexcept>

namespace skald::qtest {

void LineChannel::send(std::string_view line) {
    const std::string text = std::string(line) + "\n";
    for (std::size_t sent = 0; sent < text.size();) {
        const ssize_t n = ::send(fd_.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) {
            throw std::runtime_error(name_ + ": QEMU has closed the connection");
        }
        sent += static_cast<std::size_t>(n);
    }
}

std::string LineChannel::receive() {
    for (;;) {
        if (const std::size_t end = pending_.find('\n'); end != std::string::npos) {
            std::string line = pending_.substr(0, end);
            pending_.erase(0, end + 1);
            if (line.ends_with('\r')) {
                line.pop_back();
            }
            return line;
        }
        pollfd readable{fd_.get(), POLLIN, 0};
        const std::chrono::milliseconds timeout = kPatience;
        if (poll(&readable, 1, static_cast<int>(timeout.count())) <= 0) {
            throw std::runtime_error(name_ + ": no answer from QEMU");
        }
        std::array<char, 65536> chunk;
        const ssize_t n = recv(fd_.get(), chunk.data(), chunk.size(), 0);
        if (n <= 0) {
            throw std::runtime_error(name_ + ": QEMU has closed the connection");
        }
        pending_.append(chunk.data(), static_cast<std::size_t>(n));
    }
}

}  // namespace skald::qtest
