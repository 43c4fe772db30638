// SPDX-License-Identifier: MIT
#include "bench/disk.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <new>

#include "libskald/error.hpp"
#include "libskald/os.hpp"

namespace skald::bench {

void Disk::Free::operator()(void* memory) const {
    std::free(memory);
}

Disk::Disk(const std::string& path)
    : path_(path), fd_(::open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC)) {
    if (fd_ < 0)
        throw rt::system_error(errno, fmt::format("cannot open {} for direct reads", path));
    buffer_.reset(std::aligned_alloc(kBytes, kBytes));
    if (!buffer_) {
        ::close(fd_);
        throw std::bad_alloc();
    }
}

Disk::~Disk() {
    ::close(fd_);
}

double Disk::read_one() {
    rt::Os& os = rt::linux_os();
    const std::int64_t began = os.now_ns();
    const ssize_t got = ::pread(fd_, buffer_.get(), kBytes, 0);
    const std::int64_t ended = os.now_ns();
    if (got != static_cast<ssize_t>(kBytes))
        throw rt::system_error(got < 0 ? errno : EIO,
                               fmt::format("cannot read {} bytes of {}", kBytes, path_));
    return static_cast<double>(ended - began);
}

}  // namespace skald::bench
