// SPDX-License-Identifier: MIT
// Translations of one context that the engine remembers. Two direct-mapped arrays: long runs by
// 2 MiB region, short ones by page. Belongs to the engine thread.
#pragma once

#include <array>
#include <cstdint>

#include "card/mmu/page_walk.hpp"

namespace skald::card {

class Tlb {
  public:
    [[nodiscard]] const Mapping* find(std::uint64_t va) const {
        const Mapping& big = regions_[va >> kRegionShift & (kRegions - 1)];
        if (big.covers(va))
            return &big;
        const Mapping& small = pages_[va >> kPageShift & (kPages - 1)];
        if (small.covers(va))
            return &small;
        return nullptr;
    }

    // Of a run just walked for va.
    void insert(std::uint64_t va, const Mapping& mapping) {
        if (mapping.end - mapping.first >= kLong)
            regions_[va >> kRegionShift & (kRegions - 1)] = mapping;
        else
            pages_[va >> kPageShift & (kPages - 1)] = mapping;
    }

    void flush() {
        regions_.fill(Mapping{});
        pages_.fill(Mapping{});
    }

  private:
    static constexpr unsigned kRegionShift = 21;
    static constexpr unsigned kPageShift = 12;
    static constexpr std::uint64_t kLong = 1u << 16;  // bytes of a run that counts as long
    static constexpr std::size_t kRegions = 128;
    static constexpr std::size_t kPages = 512;

    std::array<Mapping, kRegions> regions_{};
    std::array<Mapping, kPages> pages_{};
};

}  // namespace skald::card
