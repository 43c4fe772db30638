// SPDX-License-Identifier: MIT
#include "support/files.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

namespace skald::fuzz {

MemoryFile::MemoryFile(std::span<const std::byte> content)
    : file_(::memfd_create("input", MFD_CLOEXEC)) {
    if (file_ < 0 ||
        ::write(file_, content.data(), content.size()) != static_cast<ssize_t>(content.size()))
        throw std::runtime_error("no memory for an input");
}

MemoryFile::~MemoryFile() {
    ::close(file_);
}

std::filesystem::path MemoryFile::path() const {
    return "/proc/self/fd/" + std::to_string(file_);
}

void write_file(const std::filesystem::path& path, std::span<const std::byte> content) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(content.data()),
               static_cast<std::streamsize>(content.size()));
    if (!file.flush())
        throw std::runtime_error("cannot write " + path.string());
}

}  // namespace skald::fuzz
