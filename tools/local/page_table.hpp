// SPDX-License-Identifier: MIT
// Writes the page table of a context (skald/page_table.h) into card memory, as a driver would
// through BAR4. It knows nothing of who is behind an address.
#pragma once

#include <cstdint>
#include <map>

#include "local/card_memory.hpp"

namespace skald::local {

class PageTable {
  public:
    explicit PageTable(CardMemory& memory);

    [[nodiscard]] std::uint64_t root() const { return root_.offset(); }

    struct Target {
        std::uint64_t address = 0;  // card memory offset, or host DMA address
        bool host = false;
        bool writable = false;
    };
    // Consecutive addresses from `va` to the target. Big pages where both sides allow.
    void map(std::uint64_t va, std::uint64_t bytes, Target target);
    // Clears what there is. The caller invalidates before the memory behind it is reused.
    void unmap(std::uint64_t va, std::uint64_t bytes);

  private:
    using Offset = std::uint64_t;

    [[nodiscard]] std::uint64_t load(Offset table, unsigned index) const;
    void store(Offset table, unsigned index, std::uint64_t entry);
    Offset new_table();
    // The table below an entry, made when there is none; a big page in the way is split.
    Offset descend(Offset table, unsigned level, std::uint64_t va);
    Offset table_for(std::uint64_t va, unsigned level);
    void unmap_step(std::uint64_t& va, std::uint64_t end);

    CardMemory& memory_;
    CardMemory::Block root_;
    std::map<Offset, CardMemory::Block> tables_;
};

}  // namespace skald::local
