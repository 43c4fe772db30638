// SPDX-License-Identifier: MIT
// The argument block of a job: 64 registers in memory that card and host both reach, u64 each,
// little-endian (as this host is; nothing is swapped). Single loads and stores, because the card
// may read a word (kStop) while a job runs.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "skald/isa.hpp"

namespace skald::rt {

inline constexpr std::size_t kArgumentBytes = isa::kRegisters * sizeof(std::uint64_t);

class ArgumentBlock {
  public:
    ArgumentBlock() = default;
    // At least kArgumentBytes, at a multiple of 64 for the card.
    explicit ArgumentBlock(std::span<std::byte> memory)
        : words_(reinterpret_cast<std::uint64_t*>(memory.first(kArgumentBytes).data())) {}

    void set(std::uint8_t reg, std::uint64_t value) {
        std::atomic_ref(words_[reg]).store(value, std::memory_order_release);
    }
    [[nodiscard]] std::uint64_t get(std::uint8_t reg) const {
        return std::atomic_ref(words_[reg]).load(std::memory_order_acquire);
    }
    void clear() {
        for (std::uint8_t reg = 0; reg < isa::kRegisters; reg++)
            set(reg, 0);
    }

  private:
    std::uint64_t* words_ = nullptr;
};

}  // namespace skald::rt
