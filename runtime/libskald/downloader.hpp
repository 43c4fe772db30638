// SPDX-License-Identifier: MIT
// Brings card memory into host memory by the card's own DMA: reading it through the BAR would be
// uncached. COPY jobs into windows of system memory, two in flight, so that the card fills one
// while the other is emptied.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "libskald/address_space.hpp"
#include "libskald/buffer.hpp"
#include "libskald/copy_jobs.hpp"

namespace skald::rt {

class Downloader {
  public:
    static constexpr std::uint64_t kWindowBytes = 4ull << 20;

    explicit Downloader(AddressSpace& space);

    // Returns when the bytes are there.
    void copy(std::span<std::byte> destination, std::uint64_t source_va);

  private:
    struct Slot {
        Buffer window;
        Binding binding;
        std::span<std::byte> target;  // where the window's bytes are to go
    };

    void finish(std::size_t index);

    std::array<Slot, CopyJobs::kSlots> slots_;
    CopyJobs jobs_;  // last: they use the windows
};

}  // namespace skald::rt
