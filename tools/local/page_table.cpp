// SPDX-License-Identifier: MIT
// Tables grow on demand and live as long as the context. Entries are single 64-bit stores, lower
// tables first, since the card may walk at any time.
#include "local/page_table.hpp"

#include <atomic>
#include <utility>

#include "skald/page_table.h"

namespace skald::local {
namespace {

unsigned index_of(std::uint64_t va, unsigned level) {
    return static_cast<unsigned>(va >> SKALD_PT_SHIFT(level)) & (SKALD_PT_ENTRIES - 1);
}

bool valid(std::uint64_t entry) {
    return (entry & SKALD_PTE_VALID) != 0;
}
bool leaf(std::uint64_t entry) {
    return (entry & SKALD_PTE_LEAF) != 0;
}

std::atomic_ref<std::uint64_t> slot(const CardMemory& memory, std::uint64_t table, unsigned index) {
    return std::atomic_ref<std::uint64_t>(
        reinterpret_cast<std::uint64_t*>(memory.bytes().data() + table)[index]);
}

}  // namespace

PageTable::PageTable(CardMemory& memory)
    : memory_(memory), root_(memory.allocate(SKALD_PT_BYTES, SKALD_PT_BYTES)) {}

std::uint64_t PageTable::load(Offset table, unsigned index) const {
    return slot(memory_, table, index).load(std::memory_order_relaxed);
}

void PageTable::store(Offset table, unsigned index, std::uint64_t entry) {
    slot(memory_, table, index).store(entry, std::memory_order_release);
}

PageTable::Offset PageTable::new_table() {
    CardMemory::Block block = memory_.allocate(SKALD_PT_BYTES, SKALD_PT_BYTES);
    const Offset offset = block.offset();
    tables_.emplace(offset, std::move(block));
    return offset;
}

PageTable::Offset PageTable::descend(Offset table, unsigned level, std::uint64_t va) {
    const unsigned index = index_of(va, level);
    const std::uint64_t entry = load(table, index);
    if (valid(entry) && !leaf(entry))
        return entry & SKALD_PTE_ADDR;
    const Offset lower = new_table();
    if (valid(entry))
        for (unsigned i = 0; i < SKALD_PT_ENTRIES; i++)
            store(lower, i, entry + i * SKALD_PAGE_SIZE);
    store(table, index, lower | SKALD_PTE_VALID);
    return lower;
}

PageTable::Offset PageTable::table_for(std::uint64_t va, unsigned level) {
    Offset table = root();
    for (unsigned at = SKALD_PT_LEVELS - 1; at > level; at--)
        table = descend(table, at, va);
    return table;
}

void PageTable::map(std::uint64_t va, std::uint64_t bytes, Target target) {
    const std::uint64_t flags = SKALD_PTE_VALID | SKALD_PTE_LEAF |
                                (target.writable ? SKALD_PTE_WRITE : 0) |
                                (target.host ? SKALD_PTE_HOST : 0);
    const std::uint64_t end = va + bytes;
    while (va < end) {
        const std::uint64_t big = SKALD_BIG_PAGE_SIZE;
        bool fits = ((va | target.address) & (big - 1)) == 0 && end - va >= big;
        if (fits) {
            // A table of small pages stays: replacing it would orphan what it maps.
            const Offset table = table_for(va, 1);
            const std::uint64_t entry = load(table, index_of(va, 1));
            fits = !valid(entry) || leaf(entry);
            if (fits)
                store(table, index_of(va, 1), target.address | flags);
        }
        const std::uint64_t step = fits ? big : SKALD_PAGE_SIZE;
        if (!fits)
            store(table_for(va, 0), index_of(va, 0), target.address | flags);
        va += step;
        target.address += step;
    }
}

void PageTable::unmap(std::uint64_t va, std::uint64_t bytes) {
    const std::uint64_t end = va + bytes;
    while (va < end)
        unmap_step(va, end);
}

// Clears one entry, or skips what is not there, and advances past it.
void PageTable::unmap_step(std::uint64_t& va, std::uint64_t end) {
    Offset table = root();
    for (unsigned level = SKALD_PT_LEVELS - 1;; level--) {
        const std::uint64_t span = 1ull << SKALD_PT_SHIFT(level);
        const std::uint64_t next = (va & ~(span - 1)) + span;
        const std::uint64_t entry = load(table, index_of(va, level));
        const bool whole = (va & (span - 1)) == 0 && end - va >= span;
        if (!valid(entry) || level == 0 || (leaf(entry) && whole)) {
            if (valid(entry))
                store(table, index_of(va, level), 0);
            va = next;
            return;
        }
        table = descend(table, level, va);
    }
}

}  // namespace skald::local
