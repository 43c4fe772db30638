// SPDX-License-Identifier: MIT
#include "files/mapped_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace skald::rt {
namespace {

FileError failed(const std::string& name, const char* what, int code) {
    return {name + ": cannot " + what + ": " + std::strerror(code), code};
}

}  // namespace

// Who names a pipe is told so, and does not wait for what nobody writes.
MappedFile::MappedFile(std::string name)
    : name_(std::move(name)), fd_(::open(name_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (fd_ < 0)
        throw failed(name_, "open", errno);
    struct stat status{};
    int error = ::fstat(fd_, &status) != 0 ? errno : 0;
    disk_ = S_ISBLK(status.st_mode);
    if (error == 0 && (disk_ || S_ISREG(status.st_mode))) {
        ::fcntl(fd_, F_SETFL, 0);  // that was for the pipe: reads wait
        const off_t size = disk_ ? ::lseek(fd_, 0, SEEK_END) : status.st_size;
        if (size > 0) {
            mapping_ = GuardedMapping(fd_, static_cast<std::size_t>(size));
            error = mapping_.bytes().empty() ? errno : 0;
        }
        if (error == 0)
            return;
    }
    ::close(fd_);
    if (error != 0)
        throw failed(name_, "map", error);
    throw FileError(name_ + ": is not a regular file", EINVAL);
}

MappedFile::~MappedFile() {
    if (fd_ >= 0)
        ::close(fd_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : name_(std::move(other.name_)),
      fd_(std::exchange(other.fd_, -1)),
      disk_(other.disk_),
      mapping_(std::move(other.mapping_)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
    std::swap(name_, other.name_);
    std::swap(fd_, other.fd_);
    std::swap(disk_, other.disk_);
    std::swap(mapping_, other.mapping_);
    return *this;
}

void MappedFile::read_at(std::uint64_t offset, std::span<std::byte> to) const {
    while (!to.empty()) {
        const ssize_t got = ::pread(fd_, to.data(), to.size(), static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            unreadable(got < 0 ? errno : EIO);
        to = to.subspan(static_cast<std::size_t>(got));
        offset += static_cast<std::uint64_t>(got);
    }
}

void MappedFile::check() const {
    if (mapping_.failed())
        unreadable(EIO);
}

// Why, where that can be told: a page of a mapping is only there or not.
void MappedFile::unreadable(int code) const {
    struct stat status{};
    const bool shorter = !disk_ && ::fstat(fd_, &status) == 0 &&
                         static_cast<std::uint64_t>(status.st_size) < bytes().size();
    throw FileError("cannot read " + name_ + ": " + std::strerror(code) +
                        (shorter ? ": the file became shorter meanwhile" : ""),
                    code);
}

}  // namespace skald::rt
