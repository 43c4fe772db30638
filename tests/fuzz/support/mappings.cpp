// SPDX-License-Identifier: MIT
// mmap and munmap for code under test; the linker puts them in their place (--wrap).
// AddressSanitizer knows of no ends of mappings: the rest of a file's last page reads as zeros, and
// behind a mapping another one may lie. Here a page that nobody may touch lies on both sides, and
// the rest of the last page is watched.
#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

#include <cstddef>

namespace {

constexpr std::size_t kPage = 4096;

std::size_t whole(std::size_t bytes) {
    return (bytes + kPage - 1) / kPage * kPage;
}

}  // namespace

extern "C" {

void* __real_mmap(void* at, std::size_t bytes, int protection, int flags, int file, off_t offset);
int __real_munmap(void* at, std::size_t bytes);

void* __wrap_mmap(void* at, std::size_t bytes, int protection, int flags, int file, off_t offset) {
    if (at != nullptr || bytes == 0)
        return __real_mmap(at, bytes, protection, flags, file, offset);
    void* all = __real_mmap(nullptr, whole(bytes) + 2 * kPage, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED)
        return all;
    auto* first = static_cast<char*>(all) + kPage;
    void* mapped = __real_mmap(first, bytes, protection, flags | MAP_FIXED, file, offset);
    if (mapped == MAP_FAILED)
        __real_munmap(all, whole(bytes) + 2 * kPage);
    else
        ASAN_POISON_MEMORY_REGION(first + bytes, whole(bytes) - bytes);
    return mapped;
}

// Only ever of a whole mapping.
int __wrap_munmap(void* at, std::size_t bytes) {
    ASAN_UNPOISON_MEMORY_REGION(at, whole(bytes));
    return __real_munmap(static_cast<char*>(at) - kPage, whole(bytes) + 2 * kPage);
}
}
