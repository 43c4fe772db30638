// SPDX-License-Identifier: MIT
// BAR0 as a register file: access rules of every register in the table, latches, widths, holes.
#include "card_fixture.hpp"

#include "card/device/host_registers.hpp"

namespace skald::card::test {
namespace {

using RegisterTest = CardTest;

TEST_F(RegisterTest, ResetValuesAreTheTablesOrTheModels) {
    EXPECT_EQ(driver->reg(SKALD_REG_ID), SKALD_DEVICE_ID_VALUE);
    EXPECT_EQ(driver->reg(SKALD_REG_DEVICE_ABI), SKALD_DEVICE_ABI);
    EXPECT_EQ(driver->reg(SKALD_REG_CAPS),
              SKALD_CAP_HOST_COPY | SKALD_CAP_PROFILE | SKALD_CAP_STAMPS | SKALD_CAP_ECC);
    EXPECT_EQ(driver->reg(SKALD_REG_MEM_SIZE_LO), kMemoryBytes);
    EXPECT_EQ(driver->reg(SKALD_REG_MEM_SIZE_HI), 0u);
    EXPECT_EQ(SKALD_ENGINE_INFO_SIMD(driver->reg(SKALD_REG_ENGINE_INFO)), 1u);
    EXPECT_EQ(SKALD_ENGINE_INFO_THREADS(driver->reg(SKALD_REG_ENGINE_INFO)), 3u);
    EXPECT_EQ(driver->status(), SKALD_STATE_IDLE);
    for (const HostRegister& reg : host_registers()) {
        if (reg.reset != 0) {
            EXPECT_EQ(driver->reg(reg.offset), reg.reset) << reg.name;
        }
    }
    EXPECT_TRUE(host.guest_errors().empty());
}

TEST_F(RegisterTest, ReadWriteRegistersKeepTheirWritableBits) {
    for (const HostRegister& reg : host_registers()) {
        if (reg.access != Access::RW) {
            continue;
        }
        card->reg_write(reg.offset, 0xa5a5a5a5);
        EXPECT_EQ(driver->reg(reg.offset), 0xa5a5a5a5 & reg.mask) << reg.name;
        card->reg_write(reg.offset, 0x5a5a5a5a);
        EXPECT_EQ(driver->reg(reg.offset), 0x5a5a5a5a & reg.mask) << reg.name;
        card->reg_write(reg.offset, 0);
        EXPECT_EQ(driver->reg(reg.offset), 0u) << reg.name;
    }
}

TEST_F(RegisterTest, ReadOnlyRegistersIgnoreWritesAndLogThem) {
    std::size_t errors = 0;
    for (const HostRegister& reg : host_registers()) {
        if (reg.access != Access::RO) {
            continue;
        }
        const std::uint32_t before = driver->reg(reg.offset);
        card->reg_write(reg.offset, ~before);
        if (!reg.name.starts_with("CLOCK_")) {  // goes on whatever one writes
            EXPECT_EQ(driver->reg(reg.offset), before) << reg.name;
        }
        EXPECT_EQ(host.guest_errors().size(), ++errors) << reg.name;
    }
    EXPECT_GT(errors, 20u);
}

TEST_F(RegisterTest, TheClockCountsNanosecondsSinceReset) {
    const auto card_clock = [&] {
        const std::uint64_t low = driver->reg(SKALD_REG_CLOCK_LO);
        return low | std::uint64_t{driver->reg(SKALD_REG_CLOCK_HI)} << 32;
    };
    // Between two readings of the port lies the card's.
    const std::uint64_t before = host.now_ns();
    const std::uint64_t first = card_clock();
    const std::uint64_t second = card_clock();
    const std::uint64_t after = host.now_ns();
    EXPECT_LE(first, second);
    EXPECT_LE(second - first, after - before);
    EXPECT_GT(second, 0u);
}

TEST_F(RegisterTest, WriteOnlyRegistersReadZero) {
    EXPECT_EQ(driver->reg(SKALD_REG_CTRL), 0u);
    EXPECT_EQ(driver->reg(SKALD_REG_MBOX_DOORBELL), 0u);
    EXPECT_TRUE(host.guest_errors().empty());
}

TEST_F(RegisterTest, EveryHoleReadsZeroAndIsAGuestError) {
    std::size_t errors = 0;
    for (std::uint32_t offset = 0; offset < SKALD_SHARED_OFFSET; offset += 4) {
        if (find_host_register(offset) == nullptr) {
            ASSERT_EQ(driver->reg(offset), 0u) << std::hex << offset;
            card->reg_write(offset, 0xffffffff);
            errors += 2;
        }
    }
    EXPECT_EQ(host.guest_errors().size(), errors);
    EXPECT_EQ(driver->status(), SKALD_STATE_IDLE);
}

TEST_F(RegisterTest, OtherWidthsAndAlignmentsAreGuestErrors) {
    for (const unsigned bytes : {1u, 2u, 8u}) {
        EXPECT_EQ(card->reg_read(SKALD_REG_ID, bytes), 0u);
        card->reg_write(SKALD_REG_HOST_ABI, 7, bytes);
    }
    EXPECT_EQ(card->reg_read(SKALD_REG_ID + 2), 0u);
    card->reg_write(SKALD_REG_HOST_ABI + 1, 7);
    EXPECT_EQ(driver->reg(SKALD_REG_HOST_ABI), 0u);
    EXPECT_EQ(host.guest_errors().size(), 8u);
}

TEST_F(RegisterTest, ReservedBitsOfCtrlAreAGuestErrorAndChangeNothing) {
    card->reg_write(SKALD_REG_CTRL, 0xfffffffc);
    EXPECT_EQ(host.guest_errors().size(), 1u);
    EXPECT_EQ(driver->status(), SKALD_STATE_IDLE);
}

TEST_F(RegisterTest, SharedWindowIsReadOnlyInEveryNaturalWidth) {
    for (const unsigned bytes : {1u, 2u, 4u}) {
        EXPECT_EQ(card->reg_read(SKALD_REGS_SIZE - bytes, bytes), 0u);
    }
    EXPECT_TRUE(host.guest_errors().empty());
    card->reg_write(SKALD_SHARED_OFFSET, 1);
    EXPECT_EQ(driver->reg(SKALD_SHARED_OFFSET), 0u);
    EXPECT_EQ(host.guest_errors().size(), 1u);
    EXPECT_EQ(card->reg_read(SKALD_REGS_SIZE - 2, 4), 0u);
    EXPECT_EQ(card->reg_read(SKALD_REGS_SIZE, 4), 0u);
    EXPECT_EQ(host.guest_errors().size(), 3u);
}

TEST(HostRegistersTest, HighWordsAreLatchedByReadingTheLowOnes) {
    HostRegisters regs;
    const HostRegister& low = *find_host_register(SKALD_REG_PROGRESS_LO);
    const HostRegister& high = *find_host_register(SKALD_REG_PROGRESS_HI);
    regs.set64(SKALD_REG_PROGRESS_LO, 0x1'ffffffff);
    EXPECT_EQ(regs.read(low), 0xffffffffu);
    regs.set64(SKALD_REG_PROGRESS_LO, 0x2'00000000);
    EXPECT_EQ(regs.read(high), 1u) << "as it was when the low word was read";
    EXPECT_EQ(regs.read(high), 2u) << "only once";
}

TEST(HostRegistersTest, ExactlyTheLowHighPairsLatch) {
    std::size_t pairs = 0;
    for (const HostRegister& reg : host_registers()) {
        pairs += reg.latches_next ? 1 : 0;
    }
    EXPECT_EQ(pairs, 5u + 13) << "MEM_SIZE, BOOT_ADDR, PROGRESS, RETIRED, CLOCK; MODEL_*";
}

TEST(HostRegistersTest, WritingAHighWordDropsItsLatch) {
    HostRegisters regs;
    const HostRegister& low = *find_host_register(SKALD_REG_BOOT_ADDR_LO);
    const HostRegister& high = *find_host_register(SKALD_REG_BOOT_ADDR_HI);
    EXPECT_EQ(regs.read(low), 0u);
    regs.write(high, 5);
    EXPECT_EQ(regs.read(high), 5u);
}

TEST_F(RegisterTest, CountersOfTheEngineShowThrough) {
    EXPECT_EQ(driver->reg(SKALD_REG_PROGRESS_LO), 0u);
    EXPECT_EQ(driver->reg(SKALD_REG_PROGRESS_HI), 1u);
    boot_with_context();
    ASSERT_EQ(driver->create_queue({}), SKALD_MBOX_OK);
    driver->completion(0, driver->submit(0, kProgramSteps, 3));
    EXPECT_EQ(driver->reg(SKALD_REG_RETIRED_LO), 3u);
    EXPECT_EQ(driver->reg(SKALD_REG_RETIRED_HI), 0u);
    EXPECT_EQ(driver->reg(SKALD_REG_PROGRESS_LO), 3u);
}

}  // namespace
}  // namespace skald::card::test
