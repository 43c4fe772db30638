// SPDX-License-Identifier: MIT
// First fit over a range of numbers: virtual addresses here, card memory in tools/local. Not zero
// bytes at a time; no rounding, so whoever wants whole pages asks for them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace skald::rt {

class RangeAllocator {
  public:
    RangeAllocator(std::uint64_t begin, std::uint64_t end);

    // `alignment` is a power of two. Nothing when no gap is large enough.
    [[nodiscard]] std::optional<std::uint64_t> take(std::uint64_t bytes, std::uint64_t alignment);
    // Gives back exactly what take() gave, or a part of it.
    void give(std::uint64_t begin, std::uint64_t bytes);

    [[nodiscard]] std::uint64_t free_bytes() const { return free_bytes_; }

  private:
    std::map<std::uint64_t, std::uint64_t> gaps_;  // begin -> end, never adjacent
    std::uint64_t free_bytes_;
};

}  // namespace skald::rt
