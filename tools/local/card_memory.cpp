// SPDX-License-Identifier: MIT
// An anonymous mapping, aligned to the card's big page so that the host may use huge pages for it.
#include "local/card_memory.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <bit>
#include <cerrno>
#include <utility>

#include "libskald/error.hpp"
#include "local/local_card.hpp"
#include "skald/page_table.h"

namespace skald::local {
namespace {

std::span<std::byte> map(std::uint64_t bytes) {
    if (!std::has_single_bit(bytes) || bytes < kLeastMemory)
        throw rt::Error(
            fmt::format("card memory must be a power of two of at least {} MiB, not {} bytes",
                        kLeastMemory >> 20, bytes),
            EINVAL);
    const std::uint64_t padded = bytes + SKALD_BIG_PAGE_SIZE;
    void* address = mmap(nullptr, padded, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED)
        throw rt::system_error(errno, fmt::format("cannot reserve {} bytes of card memory", bytes));
    return {static_cast<std::byte*>(address), padded};
}

std::span<std::byte> aligned(std::span<std::byte> mapping) {
    const auto at = reinterpret_cast<std::uintptr_t>(mapping.data());
    const std::uintptr_t skip = -at & (SKALD_BIG_PAGE_SIZE - 1);
    return mapping.subspan(skip, mapping.size() - SKALD_BIG_PAGE_SIZE);
}

}  // namespace

CardMemory::Block::~Block() {
    if (owner_ != nullptr)
        owner_->release(offset_, size_);
}

CardMemory::Block::Block(Block&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)), offset_(other.offset_), size_(other.size_) {}

CardMemory::Block& CardMemory::Block::operator=(Block&& other) noexcept {
    Block taken(std::move(other));
    std::swap(owner_, taken.owner_);
    std::swap(offset_, taken.offset_);
    std::swap(size_, taken.size_);
    return *this;
}

std::span<std::byte> CardMemory::Block::bytes() const {
    return owner_->bytes().subspan(offset_, size_);
}

CardMemory::CardMemory(std::uint64_t bytes)
    : mapping_(map(bytes)), memory_(aligned(mapping_)), ranges_(0, bytes) {
    madvise(memory_.data(), memory_.size(), MADV_HUGEPAGE);  // only speed: may fail
}

CardMemory::~CardMemory() {
    munmap(mapping_.data(), mapping_.size());
}

CardMemory::Block CardMemory::allocate(std::uint64_t bytes, std::uint64_t alignment) {
    if (bytes > memory_.size())
        throw rt::Error(fmt::format("{} bytes are more than the card's memory of {} bytes", bytes,
                                    memory_.size()),
                        ENOSPC);
    const std::uint64_t size = (bytes + alignment - 1) & ~(alignment - 1);
    const auto offset = ranges_.take(size, alignment);
    if (!offset)
        throw rt::Error(fmt::format("the card has no {} bytes of memory left ({} of {} free)", size,
                                    ranges_.free_bytes(), memory_.size()),
                        ENOSPC);
    return {*this, *offset, size};
}

void CardMemory::release(std::uint64_t offset, std::uint64_t size) noexcept {
    // Dropped pages read as zero when they are touched again.
    madvise(memory_.data() + offset, size, MADV_DONTNEED);
    ranges_.give(offset, size);
}

}  // namespace skald::local
