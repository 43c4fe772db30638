// SPDX-License-Identifier: MIT
// One walk of a context's page table (skald/page_table.h). The tables lie in card memory and may be
// written by the guest at any moment: every entry is read once and every address in it is checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "card/address.hpp"
#include "skald/fault.h"
#include "skald/page_table.h"

namespace skald::card {

// A run of virtual addresses that maps to a run of card memory, of host memory, or of scratch.
struct Mapping {
    std::uint64_t first = 0;    // virtual, inclusive
    std::uint64_t end = 0;      // virtual, exclusive
    std::byte* card = nullptr;  // the byte at `first`; null: host memory
    DmaAddr host;               // likewise
    bool writable = false;

    [[nodiscard]] bool covers(std::uint64_t va) const { return va - first < end - first; }
    [[nodiscard]] bool covers(std::uint64_t va, std::uint64_t bytes) const {
        return covers(va) && bytes <= end - va;
    }
    [[nodiscard]] std::byte* at(std::uint64_t va) const { return card + (va - first); }
};

// Translates va and as many neighbours within its 2 MiB as continue the same run. Otherwise
// UNMAPPED (an entry that is not valid, or outside of SKALD_VA_START .. SKALD_VA_END) or TABLE (an
// entry that breaks a rule of page_table.h); then the mapping is left alone. Whether a write is
// allowed is the caller's question.
[[nodiscard]] skald_fault_reason walk(std::span<std::byte> memory, CardOffset root, VirtAddr va,
                                      Mapping& mapping);

}  // namespace skald::card
