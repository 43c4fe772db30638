// SPDX-License-Identifier: MIT
#include "support/files.hpp"

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

// The readers map their files, and the rest of a mapping's last page reads as zeros: an access
// there is a bug that nobody sees. The linker puts these in the place of mmap and munmap (--wrap),
// and AddressSanitizer watches the rest.
extern "C" {
void* __real_mmap(void* at, std::size_t bytes, int protection, int flags, int file, off_t offset);
int __real_munmap(void* at, std::size_t bytes);

void* __wrap_mmap(void* at, std::size_t bytes, int protection, int flags, int file, off_t offset) {
    void* mapped = __real_mmap(at, bytes, protection, flags, file, offset);
    const std::size_t tail = (4096 - bytes % 4096) % 4096;
    if (mapped != MAP_FAILED && file >= 0)
        ASAN_POISON_MEMORY_REGION(static_cast<char*>(mapped) + bytes, tail);
    return mapped;
}

int __wrap_munmap(void* at, std::size_t bytes) {
    ASAN_UNPOISON_MEMORY_REGION(at, (bytes + 4095) / 4096 * 4096);
    return __real_munmap(at, bytes);
}
}

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
