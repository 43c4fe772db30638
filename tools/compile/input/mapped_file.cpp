// SPDX-License-Identifier: MIT
#include "input/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "error.hpp"

namespace skald::compiler {
namespace {

// Where a repository was cloned without Git LFS, a large file is a text of three lines about it.
bool is_lfs_pointer(std::span<const std::byte> bytes) {
    constexpr std::size_t kLongest = 1024;
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return text.size() <= kLongest && text.starts_with("version https://git-lfs.github.com/spec/");
}

}  // namespace

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
        if (is_lfs_pointer(bytes())) {
            ::munmap(map, size_);
            fail("{}: is a Git LFS pointer, not the file itself: fetch that with git lfs pull",
                 name_);
        }
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
