// SPDX-License-Identifier: MIT
// A small card memory with a page table in it.
#pragma once

#include <cstring>
#include <span>
#include <vector>

#include "skald/page_table.h"

namespace skald::card::test {

struct Table {
    static constexpr std::uint64_t kBytes = 8u << 20;
    static constexpr std::uint64_t kRoot = 0x1000;
    static constexpr std::uint64_t kLeaf = SKALD_PTE_VALID | SKALD_PTE_LEAF | SKALD_PTE_WRITE;

    Table() : words(kBytes / 8) {}
    std::span<std::byte> memory() { return {reinterpret_cast<std::byte*>(words.data()), kBytes}; }
    // The entry of a level for va; tables above it are made.
    std::uint64_t& entry(std::uint64_t va, unsigned level) {
        std::uint64_t table = kRoot;
        for (unsigned l = SKALD_PT_LEVELS - 1;; --l) {
            std::uint64_t& e =
                words[table / 8 + (va >> SKALD_PT_SHIFT(l) & (SKALD_PT_ENTRIES - 1))];
            if (l == level)
                return e;
            if (e == 0)
                e = (next_ += SKALD_PT_BYTES) | SKALD_PTE_VALID;
            table = e & SKALD_PTE_ADDR;
        }
    }
    void map(std::uint64_t va, std::uint64_t target, std::uint64_t flags = kLeaf) {
        entry(va, 0) = target | flags;
    }

    std::vector<std::uint64_t> words;

  private:
    std::uint64_t next_ = kRoot;
};

}  // namespace skald::card::test
