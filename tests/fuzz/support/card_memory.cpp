// SPDX-License-Identifier: MIT
#include "support/card_memory.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <new>

namespace skald::fuzz {
namespace {

constexpr std::size_t kBig = 2u << 20;

}  // namespace

// Before and behind lies memory that nobody may touch.
CardMemory::CardMemory(std::size_t bytes)
    : mapping_(::mmap(nullptr, bytes + 3 * kBig, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)),
      size_(bytes) {
    if (mapping_ == MAP_FAILED)
        throw std::bad_alloc();
    const auto first = reinterpret_cast<std::uintptr_t>(mapping_);
    memory_ = static_cast<std::byte*>(mapping_) + (2 * kBig - first % kBig);
    if (::mprotect(memory_, size_, PROT_READ | PROT_WRITE) != 0)
        throw std::bad_alloc();
}

CardMemory::~CardMemory() {
    ::munmap(mapping_, size_ + 3 * kBig);
}

void CardMemory::clear() {
    ::madvise(memory_, size_, MADV_DONTNEED);
}

}  // namespace skald::fuzz
