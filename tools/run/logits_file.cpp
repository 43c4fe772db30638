// SPDX-License-Identifier: MIT
// Plain writes; a full disk is an error, not a short file.
#include "run/logits_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "libskald/error.hpp"

namespace skald::run {

LogitsFile::LogitsFile(const std::string& path)
    : path_(path), fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
    if (fd_ < 0)
        throw rt::system_error(errno, fmt::format("cannot create {}", path));
}

LogitsFile::~LogitsFile() {
    ::close(fd_);
}

void LogitsFile::append(std::span<const float> logits) {
    std::span<const std::byte> bytes = std::as_bytes(logits);
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
        if (n >= 0)
            bytes = bytes.subspan(static_cast<std::size_t>(n));
        else if (errno != EINTR)
            throw rt::system_error(errno, fmt::format("cannot write {}", path_));
    }
}

}  // namespace skald::run
