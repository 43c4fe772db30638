// SPDX-License-Identifier: MIT
// One walk: every kind of entry, good and bad.
#include "card/mmu/page_walk.hpp"

#include <gtest/gtest.h>

#include <random>

#include "table.hpp"

namespace skald::card {
namespace {

using test::Table;

constexpr std::uint64_t kVa = 0x12345678000;

class PageWalk : public ::testing::Test {
  protected:
    Table table;
    Mapping mapping;

    skald_fault_reason run(std::uint64_t va) {
        return walk(table.memory(), CardOffset(Table::kRoot), VirtAddr(va), mapping);
    }
};

TEST_F(PageWalk, FindsASmallPage) {
    table.map(kVa, 0x400000);
    ASSERT_EQ(run(kVa + 0x123), SKALD_FAULT_NONE);
    EXPECT_EQ(mapping.first, kVa);
    EXPECT_EQ(mapping.end, kVa + 0x1000);
    EXPECT_EQ(mapping.at(kVa + 5), table.memory().data() + 0x400005);
    EXPECT_TRUE(mapping.writable);
}

TEST_F(PageWalk, FindsABigPage) {
    table.entry(kVa, 1) = 0x600000 | Table::kLeaf;
    ASSERT_EQ(run(kVa), SKALD_FAULT_NONE);
    EXPECT_EQ(mapping.end - mapping.first, SKALD_BIG_PAGE_SIZE);
    EXPECT_EQ(mapping.first % SKALD_BIG_PAGE_SIZE, 0u);
    EXPECT_EQ(mapping.at(mapping.first), table.memory().data() + 0x600000);
}

TEST_F(PageWalk, MergesNeighboursThatAreAdjacentAndOfTheSameKind) {
    table.map(kVa - 0x1000, 0x3ff000);
    table.map(kVa, 0x400000);
    table.map(kVa + 0x1000, 0x401000);
    table.map(kVa + 0x2000, 0x402000, Table::kLeaf & ~SKALD_PTE_WRITE);
    ASSERT_EQ(run(kVa), SKALD_FAULT_NONE);
    EXPECT_EQ(mapping.first, kVa - 0x1000);
    EXPECT_EQ(mapping.end, kVa + 0x2000);
    EXPECT_EQ(mapping.at(kVa), table.memory().data() + 0x400000);
}

TEST_F(PageWalk, TellsHostPagesByTheirDmaAddress) {
    table.map(kVa, 0xabcdef000, Table::kLeaf | SKALD_PTE_HOST);
    ASSERT_EQ(run(kVa), SKALD_FAULT_NONE);
    EXPECT_EQ(mapping.card, nullptr);
    EXPECT_EQ(mapping.host.value, 0xabcdef000u);
}

TEST_F(PageWalk, NothingMappedIsUnmapped) {
    EXPECT_EQ(run(kVa), SKALD_FAULT_UNMAPPED);
    table.map(kVa, 0x400000);
    EXPECT_EQ(run(kVa + 0x1000), SKALD_FAULT_UNMAPPED);
    EXPECT_EQ(run(SKALD_VA_END), SKALD_FAULT_UNMAPPED);
    EXPECT_EQ(run(~0ull), SKALD_FAULT_UNMAPPED);
}

TEST_F(PageWalk, PageZeroIsNeverMapped) {
    table.map(0, 0x400000);
    table.map(0x1000, 0x401000);
    EXPECT_EQ(run(0x10), SKALD_FAULT_UNMAPPED);
    ASSERT_EQ(run(0x1010), SKALD_FAULT_NONE);
    EXPECT_EQ(mapping.first, 0x1000u) << "the run must not reach into page 0";
}

TEST_F(PageWalk, BadEntriesAreTableFaults) {
    const std::uint64_t bad_leaves[] = {
        0x400000 | Table::kLeaf | 1ull << 63,          // reserved bit
        0x400000 | Table::kLeaf | 0x10,                // reserved bit
        Table::kBytes | Table::kLeaf,                  // beyond card memory
        0x400000 | SKALD_PTE_VALID | SKALD_PTE_WRITE,  // no leaf at level 0
    };
    for (std::uint64_t entry : bad_leaves) {
        table.entry(kVa, 0) = entry;
        EXPECT_EQ(run(kVa), SKALD_FAULT_TABLE) << std::hex << entry;
    }
    const std::uint64_t bad_tables[] = {
        Table::kBytes | SKALD_PTE_VALID,            // next table beyond card memory
        0x2000 | SKALD_PTE_VALID | SKALD_PTE_HOST,  // tables lie in card memory
        0x401000 | Table::kLeaf,                    // big page not aligned
        0x800000 | Table::kLeaf,                    // big page beyond card memory
    };
    for (std::uint64_t entry : bad_tables) {
        table.entry(kVa, 1) = entry;
        EXPECT_EQ(run(kVa), SKALD_FAULT_TABLE) << std::hex << entry;
    }
    table.entry(kVa, 2) = 0x600000 | Table::kLeaf;  // no leaf at level 2
    EXPECT_EQ(run(kVa), SKALD_FAULT_TABLE);
    EXPECT_EQ(walk(table.memory(), CardOffset(~0ull), VirtAddr(kVa), mapping), SKALD_FAULT_TABLE);
    EXPECT_EQ(walk(table.memory(), CardOffset(0x1008), VirtAddr(kVa), mapping), SKALD_FAULT_TABLE);
}

TEST_F(PageWalk, RandomTablesNeverLeadOutsideCardMemory) {
    std::mt19937_64 random(3);
    for (int round = 0; round < 20000; ++round) {
        for (unsigned level = 0; level < SKALD_PT_LEVELS; ++level) {
            std::uint64_t entry = random();
            if (random() % 4 != 0)
                entry &= SKALD_PTE_ADDR >> 28 | 0xf;  // plausible more often
            if (random() % 4 != 0)
                entry = (entry | SKALD_PTE_VALID) & ~SKALD_PTE_RESERVED;
            table.words[Table::kRoot / 8 + level * 512 + random() % 512] = entry;
        }
        if (run(random() & ((1ull << 47) - 1)) != SKALD_FAULT_NONE || mapping.card == nullptr)
            continue;
        ASSERT_GE(mapping.card, table.memory().data());
        ASSERT_LE(mapping.card + (mapping.end - mapping.first),
                  table.memory().data() + Table::kBytes);
    }
}

}  // namespace
}  // namespace skald::card
