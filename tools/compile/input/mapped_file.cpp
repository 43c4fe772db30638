// SPDX-License-Identifier: MIT
#include "input/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "error.hpp"

namespace skald::compiler {

MappedFile::MappedFile(const std::filesystem::path& path) : name_(path.string()) {
    const int fd = ::open(name_.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail("{}: cannot open: {}", name_, std::strerror(errno));
    struct stat status{};
    void* map = MAP_FAILED;
    int error = 0;
    if (::fstat(fd, &status) != 0) {
        error = errno;
    } else if (!S_ISREG(status.st_mode)) {
        error = EISDIR;
    } else if (status.st_size > 0) {
        map = ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_PRIVATE, fd,
                     0);
        error = map == MAP_FAILED ? errno : 0;
    }
    ::close(fd);
    if (error == EISDIR)
        fail("{}: is not a regular file", name_);
    if (error != 0)
        fail("{}: cannot map: {}", name_, std::strerror(error));
    if (map != MAP_FAILED) {
        data_ = static_cast<const std::byte*>(map);
        size_ = static_cast<std::size_t>(status.st_size);
    }
}

MappedFile::~MappedFile() {
    if (data_)
        ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : name_(std::move(other.name_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
    std::swap(name_, other.name_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

}  // namespace skald::compiler
