// SPDX-License-Identifier: MIT
// The memory of the card in process, and who has which part of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "libskald/range_allocator.hpp"

namespace skald::local {

class CardMemory {
  public:
    // A part of the memory, zeroed, given back on destruction.
    class Block {
      public:
        Block() = default;
        ~Block();
        Block(Block&& other) noexcept;
        Block& operator=(Block&& other) noexcept;

        [[nodiscard]] std::uint64_t offset() const { return offset_; }
        [[nodiscard]] std::span<std::byte> bytes() const;

      private:
        friend class CardMemory;
        Block(CardMemory& owner, std::uint64_t offset, std::uint64_t size)
            : owner_(&owner), offset_(offset), size_(size) {}

        CardMemory* owner_ = nullptr;
        std::uint64_t offset_ = 0;
        std::uint64_t size_ = 0;
    };

    // Nothing is committed until it is touched. `bytes` is a power of two, at least 4 MiB.
    explicit CardMemory(std::uint64_t bytes);
    ~CardMemory();
    CardMemory(const CardMemory&) = delete;
    CardMemory& operator=(const CardMemory&) = delete;

    // Sizes are rounded up to the alignment, 4 KiB or a multiple. Throws Error (ENOSPC).
    [[nodiscard]] Block allocate(std::uint64_t bytes, std::uint64_t alignment);

    [[nodiscard]] std::span<std::byte> bytes() const { return memory_; }
    [[nodiscard]] std::uint64_t used() const { return memory_.size() - ranges_.free_bytes(); }

  private:
    void release(std::uint64_t offset, std::uint64_t size) noexcept;

    std::span<std::byte> mapping_;  // with room to align
    std::span<std::byte> memory_;
    rt::RangeAllocator ranges_;
};

}  // namespace skald::local
