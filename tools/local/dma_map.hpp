// SPDX-License-Identifier: MIT
// The card's host memory port in process: an address is a pointer of ours, and only ranges that
// were given to the card can be reached.
#pragma once

#include <cstdint>
#include <map>
#include <shared_mutex>
#include <span>

#include "card/ports.hpp"

namespace skald::local {

class DmaMap final : public card::HostMemory {
    struct Entry {
        std::uint64_t end = 0;
        bool writable = false;
    };
    using Ranges = std::multimap<std::uint64_t, Entry>;  // the same memory may be given twice

  public:
    // A range the card may reach for as long as this lives.
    class Range {
      public:
        Range() = default;
        Range(DmaMap& map, std::span<std::byte> memory, bool writable);
        ~Range();
        Range(Range&& other) noexcept;
        Range& operator=(Range&& other) noexcept;

        [[nodiscard]] std::uint64_t address() const { return entry_->first; }

      private:
        DmaMap* map_ = nullptr;
        Ranges::iterator entry_;
    };

    [[nodiscard]] bool read(card::DmaAddr from, std::span<std::byte> to) override;
    [[nodiscard]] bool write(card::DmaAddr to, std::span<const std::byte> from) override;
    [[nodiscard]] bool load64(card::DmaAddr from, std::uint64_t& value) override;
    [[nodiscard]] bool store64(card::DmaAddr to, std::uint64_t value) override;

  private:
    // Neighbouring ranges count as one. The lock is held.
    [[nodiscard]] bool covers(std::uint64_t address, std::uint64_t bytes, bool write) const;

    std::shared_mutex lock_;
    Ranges ranges_;
};

}  // namespace skald::local
