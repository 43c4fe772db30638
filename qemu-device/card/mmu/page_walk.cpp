// SPDX-License-Identifier: MIT
// Page walk, and growth of the run around the page it found.
#include "card/mmu/page_walk.hpp"

#include <bit>

namespace skald::card {
namespace {

static_assert(std::endian::native == std::endian::little, "card memory is little-endian");

bool inside(std::span<std::byte> memory, std::uint64_t offset, std::uint64_t bytes) {
    return bytes <= memory.size() && offset <= memory.size() - bytes;
}

std::uint64_t read_entry(const std::byte* table, std::uint64_t index) {
    return __atomic_load_n(reinterpret_cast<const std::uint64_t*>(table) + index, __ATOMIC_RELAXED);
}

// A leaf of either size, checked. target: its address field.
skald_fault_reason check_leaf(std::span<std::byte> memory, std::uint64_t entry,
                              std::uint64_t bytes) {
    const std::uint64_t target = entry & SKALD_PTE_ADDR;
    if ((target & (bytes - 1)) != 0)
        return SKALD_FAULT_TABLE;
    if ((entry & SKALD_PTE_HOST) == 0 && !inside(memory, target, bytes))
        return SKALD_FAULT_TABLE;
    return SKALD_FAULT_NONE;
}

// A level 0 table that the walk reached: its page `index` is valid; neighbours join while valid,
// of the same kind and adjacent in the target.
void grow(std::span<std::byte> memory, const std::byte* table, std::uint64_t index,
          std::uint64_t entry, std::uint64_t& first, std::uint64_t& last) {
    const std::uint64_t kind = entry & ~SKALD_PTE_ADDR;
    const std::uint64_t target = entry & SKALD_PTE_ADDR;
    const auto continues = [&](std::uint64_t neighbour) {
        const std::uint64_t other = read_entry(table, neighbour);
        const std::uint64_t expected = target + (neighbour - index) * SKALD_PAGE_SIZE;
        return (other & ~SKALD_PTE_ADDR) == kind && (other & SKALD_PTE_ADDR) == expected &&
               check_leaf(memory, other, SKALD_PAGE_SIZE) == SKALD_FAULT_NONE;
    };
    first = last = index;
    while (last + 1 < SKALD_PT_ENTRIES && continues(last + 1))
        ++last;
    while (first > 0 && continues(first - 1))
        --first;
}

Mapping make(std::span<std::byte> memory, std::uint64_t va, std::uint64_t bytes,
             std::uint64_t entry, std::uint64_t target) {
    Mapping mapping;
    mapping.first = va;
    mapping.end = va + bytes;
    mapping.writable = (entry & SKALD_PTE_WRITE) != 0;
    if ((entry & SKALD_PTE_HOST) != 0)
        mapping.host = DmaAddr(target);
    else
        mapping.card = memory.data() + target;
    return mapping;
}

}  // namespace

skald_fault_reason walk(std::span<std::byte> memory, CardOffset root, VirtAddr va,
                        Mapping& mapping) {
    if (va.value < SKALD_VA_START || va.value >= SKALD_VA_END)
        return SKALD_FAULT_UNMAPPED;
    std::uint64_t table = root.value;
    for (unsigned level = SKALD_PT_LEVELS - 1;; --level) {
        if ((table & (SKALD_PT_BYTES - 1)) != 0 || !inside(memory, table, SKALD_PT_BYTES))
            return SKALD_FAULT_TABLE;
        const std::byte* entries = memory.data() + table;
        const std::uint64_t index = va.value >> SKALD_PT_SHIFT(level) & (SKALD_PT_ENTRIES - 1);
        const std::uint64_t entry = read_entry(entries, index);
        if ((entry & SKALD_PTE_VALID) == 0)
            return SKALD_FAULT_UNMAPPED;
        if ((entry & SKALD_PTE_RESERVED) != 0)
            return SKALD_FAULT_TABLE;
        const std::uint64_t target = entry & SKALD_PTE_ADDR;
        if ((entry & SKALD_PTE_LEAF) == 0) {
            if (level == 0 || (entry & SKALD_PTE_HOST) != 0)
                return SKALD_FAULT_TABLE;
            table = target;
            continue;
        }
        if (level > 1)
            return SKALD_FAULT_TABLE;
        const std::uint64_t bytes = level == 1 ? SKALD_BIG_PAGE_SIZE : SKALD_PAGE_SIZE;
        if (const skald_fault_reason bad = check_leaf(memory, entry, bytes))
            return bad;
        if (level == 1) {
            mapping = make(memory, va.value & ~(bytes - 1), bytes, entry, target);
            return SKALD_FAULT_NONE;
        }
        std::uint64_t first = 0;
        std::uint64_t last = 0;
        grow(memory, entries, index, entry, first, last);
        std::uint64_t base = va.value & ~(SKALD_BIG_PAGE_SIZE - 1);
        if (base < SKALD_VA_START && first == 0) {  // page 0 is never mapped
            first = 1;
        }
        mapping = make(memory, base + first * SKALD_PAGE_SIZE, (last - first + 1) * SKALD_PAGE_SIZE,
                       entry, target - (index - first) * SKALD_PAGE_SIZE);
        return SKALD_FAULT_NONE;
    }
}

}  // namespace skald::card
