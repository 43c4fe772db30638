// SPDX-License-Identifier: MIT
// The parts of the card in process that play the driver: memory, page tables, DMA ranges.
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "libskald/error.hpp"
#include "local/card_memory.hpp"
#include "local/dma_map.hpp"
#include "local/page_table.hpp"
#include "skald/page_table.h"

namespace skald::local {
namespace {

TEST(LocalCardMemory, MustBeAPowerOfTwo) {
    EXPECT_THROW(CardMemory(3u << 20), rt::Error);
    EXPECT_THROW(CardMemory(12u << 20), rt::Error);
    EXPECT_THROW(CardMemory(0), rt::Error);
}

TEST(LocalCardMemory, GivesAlignedZeroedBlocksUntilItIsFull) {
    CardMemory memory(8u << 20);
    {
        const auto small = memory.allocate(100, 4096);
        const auto big = memory.allocate(1, 2u << 20);
        EXPECT_EQ(big.offset() % (2u << 20), 0u);
        EXPECT_EQ(big.bytes().size(), 2u << 20);
        EXPECT_EQ(memory.used(), (2u << 20) + 4096);
        std::memset(big.bytes().data(), 1, big.bytes().size());
        EXPECT_THROW((void)memory.allocate(6u << 20, 4096), rt::Error);
        EXPECT_THROW((void)memory.allocate(UINT64_MAX, 4096), rt::Error);
    }
    EXPECT_EQ(memory.used(), 0u);
    const auto all = memory.allocate(8u << 20, 4096);
    for (const std::byte b : all.bytes())
        ASSERT_EQ(b, std::byte{0});
}

// Walks like the card (skald/page_table.h).
std::optional<std::uint64_t> translate(const CardMemory& memory, std::uint64_t root,
                                       std::uint64_t va, std::uint64_t* flags = nullptr) {
    std::uint64_t table = root;
    for (unsigned level = SKALD_PT_LEVELS - 1;; level--) {
        std::uint64_t entry;
        const std::uint64_t index = va >> SKALD_PT_SHIFT(level) & (SKALD_PT_ENTRIES - 1);
        std::memcpy(&entry, memory.bytes().data() + table + 8 * index, 8);
        EXPECT_EQ(entry & SKALD_PTE_RESERVED, 0u);
        if ((entry & SKALD_PTE_VALID) == 0)
            return std::nullopt;
        const std::uint64_t in_page = va & ((1ull << SKALD_PT_SHIFT(level)) - 1);
        if ((entry & SKALD_PTE_LEAF) != 0) {
            EXPECT_LE(level, 1u);
            EXPECT_EQ(entry & SKALD_PTE_ADDR & ((1ull << SKALD_PT_SHIFT(level)) - 1), 0u);
            if (flags != nullptr)
                *flags = entry & ~SKALD_PTE_ADDR;
            return (entry & SKALD_PTE_ADDR) + in_page;
        }
        table = entry & SKALD_PTE_ADDR;
    }
}

class LocalPageTable : public testing::Test {
  protected:
    static constexpr std::uint64_t kBig = SKALD_BIG_PAGE_SIZE;
    [[nodiscard]] auto at(std::uint64_t va) const { return translate(memory, table.root(), va); }
    CardMemory memory{64u << 20};
    PageTable table{memory};
};

TEST_F(LocalPageTable, MapsSmallAndBigPages) {
    table.map(kBig, 2 * kBig, {10 * kBig, false, true});
    table.map(0x7ff000001000, 0x3000, {0x123456000, true, false});
    EXPECT_EQ(at(kBig + 5), 10 * kBig + 5);
    EXPECT_EQ(at(3 * kBig - 1), 12 * kBig - 1);
    EXPECT_EQ(at(3 * kBig), std::nullopt);
    EXPECT_EQ(at(kBig - 1), std::nullopt);
    std::uint64_t flags = 0;
    EXPECT_EQ(translate(memory, table.root(), 0x7ff000003fff, &flags), 0x123458fffu);
    EXPECT_EQ(flags, SKALD_PTE_VALID | SKALD_PTE_LEAF | SKALD_PTE_HOST);
    EXPECT_EQ(at(0x7ff000004000), std::nullopt);
}

TEST_F(LocalPageTable, SplitsABigPageWhenAPartGoes) {
    table.map(0, kBig, {4 * kBig, false, true});
    table.unmap(0x5000, 0x2000);
    EXPECT_EQ(at(0x4fff), 4 * kBig + 0x4fff);
    EXPECT_EQ(at(0x5000), std::nullopt);
    EXPECT_EQ(at(0x6fff), std::nullopt);
    EXPECT_EQ(at(0x7000), 4 * kBig + 0x7000);
    EXPECT_EQ(at(kBig - 1), 5 * kBig - 1);
}

TEST_F(LocalPageTable, UnmappingNothingIsFineAndFast) {
    table.unmap(0, SKALD_VA_END);
    table.map(kBig, kBig, {0, false, true});
    table.unmap(0, SKALD_VA_END);
    EXPECT_EQ(at(kBig), std::nullopt);
}

TEST_F(LocalPageTable, BigPagesOverATableOfSmallOnes) {
    table.map(0, 0x1000, {0x9000, false, true});
    table.map(0, kBig, {2 * kBig, false, true});
    EXPECT_EQ(at(0), 2 * kBig);
    EXPECT_EQ(at(kBig - 1), 3 * kBig - 1);
}

class LocalDma : public testing::Test {
  protected:
    [[nodiscard]] card::DmaAddr address(std::size_t offset) {
        return card::DmaAddr(reinterpret_cast<std::uintptr_t>(memory.data() + offset));
    }
    DmaMap map;
    alignas(8) std::array<std::byte, 64> memory{};
};

TEST_F(LocalDma, ReachesOnlyWhatWasGiven) {
    std::array<std::byte, 16> bytes{};
    EXPECT_FALSE(map.read(address(0), bytes));
    {
        const DmaMap::Range range(map, std::span(memory).subspan(16, 32), true);
        EXPECT_TRUE(map.write(address(16), bytes));
        EXPECT_TRUE(map.read(address(32), bytes));
        EXPECT_FALSE(map.read(address(33), bytes));
        EXPECT_FALSE(map.read(address(15), bytes));
        std::uint64_t value = 0;
        EXPECT_TRUE(map.store64(address(16), 7));
        EXPECT_TRUE(map.load64(address(16), value));
        EXPECT_EQ(value, 7u);
        EXPECT_FALSE(map.load64(address(48), value));
    }
    EXPECT_FALSE(map.read(address(16), bytes));
}

TEST_F(LocalDma, ReadOnlyRangesAreNotWritten) {
    const std::array<std::byte, 8> ones{std::byte{1}};
    const DmaMap::Range range(map, memory, false);
    std::array<std::byte, 8> bytes{};
    EXPECT_TRUE(map.read(address(0), bytes));
    EXPECT_FALSE(map.write(address(0), ones));
    EXPECT_FALSE(map.store64(address(0), 1));
    EXPECT_EQ(memory[0], std::byte{0});
}

TEST_F(LocalDma, NeighbouringAndOverlappingRangesWorkTogether) {
    std::array<std::byte, 32> bytes{};
    const DmaMap::Range first(map, std::span(memory).first(32), false);
    DmaMap::Range second(map, std::span(memory).subspan(24, 40), true);
    EXPECT_TRUE(map.read(address(16), bytes));
    EXPECT_TRUE(map.write(address(32), bytes));
    EXPECT_FALSE(map.write(address(16), bytes));
    second = DmaMap::Range();
    EXPECT_FALSE(map.read(address(16), bytes));
    EXPECT_TRUE(map.read(address(0), bytes));
}

}  // namespace
}  // namespace skald::local
