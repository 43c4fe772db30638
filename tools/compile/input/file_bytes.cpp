// SPDX-License-Identifier: MIT
#include "input/file_bytes.hpp"

#include "error.hpp"
#include "files/mapped_file.hpp"
#include "input/lfs_pointer.hpp"

namespace skald::compiler {

FileBytes::FileBytes(const std::filesystem::path& path) : name_(path.string()) {
    try {
        const rt::MappedFile file(name_);
        if (file.is_disk())
            fail("{}: is not a regular file", name_);
        bytes_.resize(file.bytes().size());
        file.read_at(0, bytes_);
    } catch (const rt::FileError& error) {
        fail("{}", error.what());
    }
    refuse_lfs_pointer(name_, bytes_);
}

}  // namespace skald::compiler
