// SPDX-License-Identifier: MIT
#include "backend/output_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "error.hpp"

namespace skald::compiler {

namespace {

namespace fs = std::filesystem;

// What is to get the name: the end of a chain of links, so that these stay. It replaces what was
// there, which must not happen to a device, a pipe or a folder.
fs::path target_of(const fs::path& path) {
    std::error_code ignored;
    const fs::file_status there = fs::status(path, ignored);
    if (fs::exists(there) && !fs::is_regular_file(there))
        fail("{}: is not a regular file, and is left as it is", path.string());
    constexpr int kMostLinks = 40;  // as the kernel's
    fs::path target = path;
    for (int links = 0; fs::is_symlink(target, ignored); ++links) {
        if (links == kMostLinks)
            fail("{}: is a link that leads nowhere", path.string());
        target = target.parent_path() / fs::read_symlink(target, ignored);
    }
    return target;
}

}  // namespace

OutputFile::OutputFile(const fs::path& name) : path_(target_of(name)) {
    // Without a name at first, where the file system can do that: then not even a kill leaves
    // anything behind. Else under a temporary name.
    const fs::path folder = path_.has_parent_path() ? path_.parent_path() : ".";
    fd_ = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
    if (fd_ < 0) {
        temporary_ = path_.string() + ".XXXXXX";
        fd_ = ::mkostemp(temporary_.data(), O_CLOEXEC);
        if (fd_ < 0)
            fail("{}: cannot create: {}", path_.string(), std::strerror(errno));
        // Such files are private; the result gets the mode any other new file would have.
        const mode_t mask = ::umask(0);
        ::umask(mask);
        ::fchmod(fd_, 0666 & ~mask);
    }
}

OutputFile::~OutputFile() {
    if (fd_ >= 0)
        ::close(fd_);
    if (!temporary_.empty())
        ::unlink(temporary_.c_str());
}

void OutputFile::failed(const char* what) const {
    fail("{}: cannot {}: {}", path_.string(), what, std::strerror(errno));
}

void OutputFile::put_at(std::uint64_t offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            failed("write");
        bytes = bytes.subspan(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
}

// No fsync: half a file cannot have the final name unless the machine itself dies, and then the
// hashes tell.
void OutputFile::commit() {
    if (temporary_.empty()) {  // a name can only be given where there is none yet
        const std::string self = fmt::format("/proc/self/fd/{}", fd_);
        const std::string name = fmt::format("{}.{}", path_.string(), ::getpid());
        if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) != 0)
            failed("finish");
        temporary_ = name;
    }
    if (::close(std::exchange(fd_, -1)) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0)
        failed("finish");
    temporary_.clear();
}

}  // namespace skald::compiler
