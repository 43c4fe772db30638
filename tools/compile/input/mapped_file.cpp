// SPDX-License-Identifier: MIT
#include "input/mapped_file.hpp"

#include <sys/mman.h>

#include "error.hpp"
#include "input/lfs_pointer.hpp"

namespace skald::compiler {
namespace {

rt::MappedFile open(const std::filesystem::path& path) {
    try {
        rt::MappedFile file(path.string());
        if (!file.is_disk())
            return file;
    } catch (const rt::FileError& error) {
        fail("{}", error.what());
    }
    fail("{}: is not a regular file", path.string());
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : file_(open(path)) {
    refuse_lfs_pointer(name(), bytes());
}

void MappedFile::check() const {
    try {
        file_.check();
    } catch (const rt::FileError& error) {
        fail("{}", error.what());
    }
}

// Of a mapping that is shared and only read nothing can be lost, and a failure is one of an offer.
void MappedFile::forget() const {
    if (!bytes().empty())
        ::madvise(const_cast<std::byte*>(bytes().data()), bytes().size(), MADV_DONTNEED);
}

}  // namespace skald::compiler
