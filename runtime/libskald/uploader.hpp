// SPDX-License-Identifier: MIT
// Brings host memory into card memory by the card's own DMA: COPY jobs over windows of the source,
// two in flight, so that preparing one overlaps copying the other.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "libskald/address_space.hpp"
#include "libskald/buffer.hpp"
#include "libskald/copy_jobs.hpp"

namespace skald::rt {

class Uploader {
  public:
    static constexpr std::uint64_t kWindowBytes = 16ull << 20;

    explicit Uploader(AddressSpace& space) : space_(space), jobs_(space) {}

    // Returns when the bytes are there. Whole pages of the source are read by the card in place if
    // the driver allows, anything else goes through a buffer.
    void copy(std::uint64_t destination_va, std::span<const std::byte> source);

  private:
    static constexpr std::size_t kSlots = CopyJobs::kSlots;

    struct Slot {
        std::uint64_t va = 0;     // where the window of the source is bound
        std::uint64_t bound = 0;  // bytes bound there
        Buffer source;            // pinned memory of the caller, or
        Buffer staging;           // system memory that stays bound
    };

    // False if the driver cannot pin this memory.
    [[nodiscard]] bool pin(Slot& slot, std::span<const std::byte> window);
    void stage(Slot& slot, std::span<const std::byte> window);
    void finish(std::size_t index);

    AddressSpace& space_;
    std::array<Slot, kSlots> slots_;
    bool can_pin_ = true;
    CopyJobs jobs_;  // last: they use all of the above
};

}  // namespace skald::rt
