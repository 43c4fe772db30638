// SPDX-License-Identifier: MIT
// Ranges: extents, the TLB, scratch, permissions.
#include <algorithm>

#include "card/mmu/address_space.hpp"

#include <gtest/gtest.h>

#include "table.hpp"

namespace skald::card {
namespace {

using test::Table;

constexpr std::uint64_t kVa = 0x40000000;

class Space : public ::testing::Test {
  protected:
    Table table;
    Tlb tlb;
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> root{Table::kRoot};
    std::vector<std::byte> scratch{1000};
    AddressSpace space{table.memory(), stop};
    Extents extents;

    void SetUp() override { space.enter(root, tlb, scratch); }
    Fault resolve(std::uint64_t va, std::uint64_t bytes, Access access = Access::kRead,
                  bool host = false) {
        extents.clear();
        extents.begin_range();
        return space.resolve(va, bytes, access, host, extents);
    }
};

TEST_F(Space, AdjacentPagesBecomeOneExtent) {
    for (std::uint64_t i = 0; i < 8; ++i)
        table.map(kVa + i * 4096, 0x400000 + i * 4096);
    ASSERT_FALSE(resolve(kVa + 100, 30000));
    ASSERT_EQ(extents.size(), 1u);
    EXPECT_EQ(extents[0].at(kVa + 100), table.memory().data() + 0x400064);
}

TEST_F(Space, ScatteredPagesAreReadAndWrittenAcrossTheirBorders) {
    for (std::uint64_t i = 0; i < 8; ++i)
        table.map(kVa + i * 4096, 0x400000 + (7 - i) * 8192);
    ASSERT_FALSE(resolve(kVa, 32768, Access::kWrite));
    EXPECT_EQ(extents.size(), 8u);
    std::vector<std::uint8_t> data(20000);
    for (std::size_t i = 0; i < data.size(); ++i)
        data[i] = static_cast<std::uint8_t>(i * 7);
    extents.write(kVa + 4000, data.data(), data.size(), 0, extents.size());
    std::vector<std::uint8_t> back(data.size());
    extents.read(kVa + 4000, back.data(), back.size(), 0, extents.size());
    EXPECT_EQ(back, data);
    std::fill(back.begin(), back.end(), 0);
    ASSERT_FALSE(space.read(kVa + 4000, back.data(), back.size()));
    EXPECT_EQ(back, data);
}

TEST_F(Space, WhatIsWrittenMayLieWhereItGoes) {
    table.map(kVa, 0x400000);
    ASSERT_FALSE(resolve(kVa, 4096, Access::kWrite));
    std::byte* page = extents[0].at(kVa);
    std::vector<std::byte> expected(260);
    for (std::size_t i = 0; i < expected.size(); ++i)
        expected[i] = page[i] = static_cast<std::byte>(i * 7);
    extents.write(kVa + 28, page, expected.size(), 0, extents.size());
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), page + 28));
    extents.read(kVa + 28, page, expected.size(), 0, extents.size());
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), page));
}

TEST_F(Space, HostPagesBetweenCardPagesStayRunsOfTheirOwn) {
    table.map(kVa, 0x400000);
    table.map(kVa + 4096, 0x1000, Table::kLeaf | SKALD_PTE_HOST);
    table.map(kVa + 8192, 0x402000);  // as far from the first page as its address is
    ASSERT_FALSE(resolve(kVa + 8, 12000, Access::kWrite, true));
    ASSERT_EQ(extents.size(), 3u);
    EXPECT_EQ(extents[0].at(kVa + 8), table.memory().data() + 0x400008);
    EXPECT_EQ(extents[1].card, nullptr);
    EXPECT_EQ(extents[1].host, DmaAddr(0x1000));
    EXPECT_EQ(extents[2].at(kVa + 8192), table.memory().data() + 0x402000);
}

TEST_F(Space, FaultsNameTheFirstBadByte) {
    table.map(kVa, 0x400000);
    table.map(kVa + 4096, 0x500000, Table::kLeaf & ~SKALD_PTE_WRITE);
    table.map(kVa + 8192, 0x1000, Table::kLeaf | SKALD_PTE_HOST);
    const auto expect = [&](const Fault& fault, skald_fault_reason reason, std::uint64_t address) {
        EXPECT_EQ(fault.reason, reason);
        EXPECT_EQ(fault.address, address);
    };
    expect(resolve(kVa + 10, 4096, Access::kWrite), SKALD_FAULT_READONLY, kVa + 4096);
    expect(resolve(kVa + 10, 8192), SKALD_FAULT_HOST_OPERAND, kVa + 8192);
    expect(resolve(kVa + 10, 12288, Access::kRead, true), SKALD_FAULT_UNMAPPED, kVa + 12288);
    expect(resolve(~0ull - 3, 100), SKALD_FAULT_UNMAPPED, ~0ull - 3);
    expect(resolve((1ull << 47) - 8, 16), SKALD_FAULT_UNMAPPED, 1ull << 47);
    expect(resolve(0, 16), SKALD_FAULT_UNMAPPED, 0);
}

TEST_F(Space, ScratchEndsWhereItsQueueSays) {
    ASSERT_FALSE(resolve(SKALD_SCRATCH_VA, 1000, Access::kWrite));
    EXPECT_EQ(extents[0].at(SKALD_SCRATCH_VA + 7), scratch.data() + 7);
    const Fault fault = resolve(SKALD_SCRATCH_VA + 10, 1000, Access::kWrite);
    EXPECT_EQ(fault.reason, SKALD_FAULT_SCRATCH);
    EXPECT_EQ(fault.address, SKALD_SCRATCH_VA + 1000);
    std::vector<std::byte> other(64);
    space.enter(root, tlb, other);  // another queue of the same context
    EXPECT_EQ(resolve(SKALD_SCRATCH_VA, 65).reason, SKALD_FAULT_SCRATCH);
    ASSERT_FALSE(resolve(SKALD_SCRATCH_VA, 64));
    EXPECT_EQ(extents[0].at(SKALD_SCRATCH_VA), other.data());
}

// The engine gives whole pages of it; that an access ends where scratch does is not left to that.
TEST_F(Space, WhatGoesOnBehindScratchFaults) {
    scratch.resize(1004);
    space.enter(root, tlb, scratch);
    Place place;
    for (std::uint64_t bytes : {4u, 8u, 16u}) {
        const std::uint64_t last = SKALD_SCRATCH_VA + scratch.size() / bytes * bytes;
        ASSERT_FALSE(space.translate(last - bytes, bytes, Access::kWrite, place));
        EXPECT_EQ(place.card, scratch.data() + (last - bytes - SKALD_SCRATCH_VA));
        const Fault fault = space.translate(last, bytes, Access::kWrite, place);
        EXPECT_EQ(fault.reason, SKALD_FAULT_SCRATCH);
        EXPECT_EQ(fault.address, SKALD_SCRATCH_VA + 1004);
    }
}

TEST_F(Space, APlaceIsWritableAndInOneKindOfMemory) {
    table.map(kVa, 0x400000, Table::kLeaf & ~SKALD_PTE_WRITE);
    table.map(kVa + 4096, 0x1000, Table::kLeaf | SKALD_PTE_HOST);
    Place place;
    EXPECT_FALSE(space.translate(kVa + 4088, 8, Access::kRead, place));
    EXPECT_EQ(place.card, table.memory().data() + 0x400000 + 4088);
    EXPECT_EQ(space.translate(kVa + 4088, 8, Access::kWrite, place).reason, SKALD_FAULT_READONLY);
    EXPECT_TRUE(space.translate(kVa + 4088, 16, Access::kRead, place));
    Place host;
    ASSERT_FALSE(space.translate(kVa + 4096 + 16, 8, Access::kRead, host));
    EXPECT_EQ(host.card, nullptr);
    EXPECT_EQ(host.host.value, 0x1010u);
}

TEST_F(Space, TranslationsStayUntilTheFlush) {
    table.map(kVa, 0x400000);
    ASSERT_FALSE(resolve(kVa, 8));
    table.entry(kVa, 0) = 0;
    EXPECT_FALSE(resolve(kVa, 8)) << "the TLB still holds it";
    space.flush();
    EXPECT_EQ(resolve(kVa, 8).reason, SKALD_FAULT_UNMAPPED);
}

TEST_F(Space, GapsBetweenRowsNeedNotBeMapped) {
    table.map(kVa, 0x400000);
    table.map(kVa + 8192, 0x402000);
    extents.clear();
    extents.begin_range();
    ASSERT_FALSE(space.resolve(kVa, 64, Access::kRead, false, extents));
    ASSERT_FALSE(space.resolve(kVa + 8192, 64, Access::kRead, false, extents));
    EXPECT_EQ(extents.size(), 1u) << "the same distance: one run";
}

TEST_F(Space, AHostilePageTableCannotMakeTheCardHoardMemory) {
    // One level 0 table, all entries on one page, used by a whole level 1 table: 1 GiB of pieces.
    for (std::uint64_t i = 0; i < SKALD_PT_ENTRIES; ++i)
        table.map(kVa + i * 4096, 0x400000);
    const std::uint64_t shared = table.entry(kVa, 1);
    for (std::uint64_t i = 0; i < SKALD_PT_ENTRIES; ++i)
        table.entry((kVa & ~0x3fffffffull) + i * SKALD_BIG_PAGE_SIZE, 1) = shared;
    const std::uint64_t level2 = table.entry(kVa, 2);
    for (std::uint64_t i = 0; i < 8; ++i)
        table.entry(kVa + (i << 30), 2) = level2;
    const Fault fault = resolve(kVa, 6ull << 30);
    EXPECT_EQ(fault.reason, SKALD_FAULT_VALUE);
    EXPECT_LE(extents.size(), Extents::kLimit + 1);
    stop.store(true);
    EXPECT_TRUE(resolve(kVa, 6ull << 30));
    EXPECT_LE(extents.size(), 2u) << "a stopped job resolves no further";
}

}  // namespace
}  // namespace skald::card
