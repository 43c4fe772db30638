// SPDX-License-Identifier: MIT
// The PCI function: identity, BARs, capabilities, the memory window.
#include <gtest/gtest.h>

#include "board.hpp"

namespace skald::qtest {
namespace {

TEST(Function, HasTheIdentityOfTheCard) {
    Board board;
    EXPECT_EQ(board.card.read16(PCI_VENDOR_ID), SKALD_PCI_VENDOR_ID);
    EXPECT_EQ(board.card.read16(PCI_DEVICE_ID), SKALD_PCI_DEVICE_ID);
    EXPECT_EQ(board.card.read32(PCI_CLASS_REVISION) >> 8, SKALD_PCI_CLASS);
    EXPECT_EQ(board.card.read8(PCI_INTERRUPT_PIN), 0);
}

TEST(Function, HasTheBarsOfTheDevicePage) {
    Board board;
    EXPECT_EQ(board.card.bar_size(SKALD_BAR_REGS), SKALD_REGS_SIZE);
    EXPECT_EQ(board.card.bar_size(SKALD_BAR_MSIX), 4096u);
    EXPECT_EQ(board.card.bar_size(SKALD_BAR_DOORBELLS),
              SKALD_MAX_QUEUES * std::uint64_t{SKALD_DOORBELL_STRIDE});
    EXPECT_EQ(board.card.bar_size(3), 0u);
    EXPECT_EQ(board.card.bar_size(SKALD_BAR_MEMORY), kCardMemory);

    const auto type = [&](unsigned bar) {
        return board.card.read32(PCI_BASE_ADDRESS_0 + 4 * bar) & 0xf;
    };
    EXPECT_EQ(type(SKALD_BAR_REGS), 0u);
    EXPECT_EQ(type(SKALD_BAR_MSIX), 0u);
    EXPECT_EQ(type(SKALD_BAR_DOORBELLS), 0u);
    EXPECT_EQ(type(SKALD_BAR_MEMORY), static_cast<std::uint32_t>(PCI_BASE_ADDRESS_MEM_TYPE_64 |
                                                                 PCI_BASE_ADDRESS_MEM_PREFETCH));
}

TEST(Function, IsAnExpressEndpointThatCanBeReset) {
    Board board;
    const unsigned express = board.card.capability(PCI_CAP_ID_EXP);
    EXPECT_EQ((board.card.read16(express + PCI_EXP_FLAGS) & PCI_EXP_FLAGS_TYPE) >> 4,
              PCI_EXP_TYPE_ENDPOINT);
    EXPECT_TRUE(board.card.read32(express + PCI_EXP_DEVCAP) & PCI_EXP_DEVCAP_FLR);
}

TEST(Function, OffersSixteenVectorsInItsOwnBar) {
    Board board;
    const unsigned msix = board.card.capability(PCI_CAP_ID_MSIX);
    EXPECT_EQ((board.card.read16(msix + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_QSIZE) + 1u,
              SKALD_NUM_VECTORS);
    EXPECT_EQ(board.card.read32(msix + PCI_MSIX_TABLE) & PCI_MSIX_TABLE_BIR, SKALD_BAR_MSIX);
    EXPECT_EQ(board.card.read32(msix + PCI_MSIX_PBA) & PCI_MSIX_PBA_BIR, SKALD_BAR_MSIX);
}

TEST(Function, KeepsItsStateInD3AndLosesItsBarsThere) {
    Board board;
    const unsigned pm = board.card.capability(PCI_CAP_ID_PM);
    board.set_reg(SKALD_REG_HOST_ABI, 0x1234);
    board.card.write16(pm + PCI_PM_CTRL, 3);
    EXPECT_NE(board.reg(SKALD_REG_ID), SKALD_DEVICE_ID_VALUE);
    board.card.write16(pm + PCI_PM_CTRL, 0);
    EXPECT_EQ(board.reg(SKALD_REG_ID), SKALD_DEVICE_ID_VALUE);
    EXPECT_EQ(board.reg(SKALD_REG_HOST_ABI), 0x1234u);
}

TEST(Function, MemoryWindowIsOrdinaryMemoryToItsLastByte) {
    Board board;
    for (const unsigned bytes : {1u, 2u, 4u, 8u}) {
        const std::uint64_t value = 0x0102030405060708 >> (64 - 8 * bytes);
        for (const std::uint64_t at : {std::uint64_t{0}, kCardMemory / 2 + 24, kCardMemory - 8}) {
            board.machine.write(kMemory + at, bytes, value);
            EXPECT_EQ(board.machine.read(kMemory + at, bytes), value) << at << ", " << bytes;
        }
    }
    board.machine.write(kMemory + 61, 4, 0xa1b2c3d4);  // across a cache line
    EXPECT_EQ(board.machine.read(kMemory + 61, 4), 0xa1b2c3d4);
}

TEST(Function, MemoryKeepsItsContentThroughReset) {
    Board board;
    board.machine.write(kMemory + 4096, 8, 0x5ca1ab1e);
    board.set_reg(SKALD_REG_CTRL, SKALD_CTRL_RESET);
    board.wait_status(SKALD_STATE_IDLE);
    EXPECT_EQ(board.machine.read(kMemory + 4096, 8), 0x5ca1ab1e);
}

TEST(Function, ReportsTheSizeOfItsMemory) {
    Board board("memory-size=8G");
    EXPECT_EQ(board.reg64(SKALD_REG_MEM_SIZE_LO), 8ull << 30);
    EXPECT_EQ(board.card.bar_size(SKALD_BAR_MEMORY), 8ull << 30);
}

}  // namespace
}  // namespace skald::qtest
