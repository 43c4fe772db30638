// SPDX-License-Identifier: MIT
// Card memory that ends the process where an access goes past either end of it.
#pragma once

#include <cstddef>
#include <span>

namespace skald::fuzz {

class CardMemory {
  public:
    explicit CardMemory(std::size_t bytes);  // whole pages of 2 MiB
    ~CardMemory();
    CardMemory(const CardMemory&) = delete;
    CardMemory& operator=(const CardMemory&) = delete;

    [[nodiscard]] std::span<std::byte> bytes() const { return {memory_, size_}; }
    // All zeros again; costs what was written.
    void clear();

  private:
    void* mapping_;
    std::byte* memory_;
    std::size_t size_;
};

}  // namespace skald::fuzz
