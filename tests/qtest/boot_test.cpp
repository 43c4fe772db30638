// SPDX-License-Identifier: MIT
// The boot of the real firmware through BAR4 and registers, and images that must be refused.
#include <gtest/gtest.h>

#include "board.hpp"

namespace skald::qtest {
namespace {

TEST(Boot, FirmwareRunsAndAnswersAPing) {
    Board board;
    board.enable_msix();
    board.set_reg(SKALD_REG_INTR_MASK, SKALD_INTR_STATE | SKALD_INTR_MBOX);
    board.boot();
    wait_until("vector 0", [&] { return board.message(0) == kMessageData; });
    EXPECT_EQ(SKALD_ABI_MAJOR(board.reg(SKALD_REG_FW_ABI)), SKALD_ABI_MAJOR(SKALD_FW_ABI));
    EXPECT_NE(board.reg(SKALD_REG_FW_VERSION), 0u);
    EXPECT_EQ(board.reg(SKALD_REG_BOOT_ERROR), SKALD_BOOT_OK);

    const MailboxWords answer = board.ping(0xfeedface);
    EXPECT_EQ(answer[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
    EXPECT_EQ(answer[SKALD_MBOX_W_TAG], 0xfeedface);
    EXPECT_TRUE(board.reg(SKALD_REG_INTR_STATUS) & SKALD_INTR_MBOX);
}

TEST(Boot, FirmwareLogIsInTheSharedWindow) {
    Board board;
    board.boot();
    EXPECT_EQ(board.reg(SKALD_SHARED_OFFSET), SKALD_FW_LOG_MAGIC);
    const std::uint32_t head = board.reg(SKALD_SHARED_OFFSET + SKALD_OFFSETOF(skald_fw_log, head));
    ASSERT_GT(head, 0u);
    EXPECT_EQ(board.machine.read(kRegs + SKALD_SHARED_OFFSET + sizeof(skald_fw_log) + head - 1, 1),
              static_cast<unsigned>('\n'));
}

TEST(Boot, HostOfAnotherMajorIsRefusedAndMayTryAgain) {
    Board board;
    board.begin_boot(firmware_image(), SKALD_FW_ABI + SKALD_ABI(1, 0));
    board.wait_status(SKALD_STATE_BOOT_FAILED);
    EXPECT_EQ(board.reg(SKALD_REG_BOOT_ERROR), SKALD_BOOT_HOST_ABI);
    EXPECT_EQ(board.reg(SKALD_REG_BOOT_DETAIL), SKALD_FW_ABI + SKALD_ABI(1, 0));
    board.boot();
    EXPECT_EQ(board.ping(1)[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
}

TEST(Boot, CorruptedImageIsRefusedByItsHash) {
    Board board;
    std::vector<std::byte> image = firmware_image();
    image.back() ^= std::byte{1};
    board.begin_boot(image);
    board.wait_status(SKALD_STATE_BOOT_FAILED);
    EXPECT_EQ(board.reg(SKALD_REG_BOOT_ERROR), SKALD_BOOT_HASH);
    board.boot();
}

TEST(Boot, ImageBeyondCardMemoryIsRefused) {
    Board board;
    board.set_reg64(SKALD_REG_BOOT_ADDR_LO, kCardMemory - 64);
    board.set_reg(SKALD_REG_BOOT_SIZE, 128);
    board.set_reg(SKALD_REG_CTRL, SKALD_CTRL_BOOT);
    board.wait_status(SKALD_STATE_BOOT_FAILED);
    EXPECT_EQ(board.reg(SKALD_REG_BOOT_ERROR), SKALD_BOOT_RANGE);
    EXPECT_EQ(board.reg(SKALD_REG_BOOT_DETAIL), 128u);
}

TEST(Boot, SecondBootOfARunningCardIsIgnored) {
    Board board;
    board.boot();
    board.set_reg(SKALD_REG_CTRL, SKALD_CTRL_BOOT);
    EXPECT_EQ(board.reg(SKALD_REG_STATUS), SKALD_STATE_RUNNING);
    EXPECT_EQ(board.ping(2)[SKALD_MBOX_W_TAG], 2u);
}

TEST(Boot, HaltLeavesADeadCardThatAResetRevives) {
    Board board;
    board.boot();
    board.command({SKALD_MBOX_HALT});
    board.wait_status(SKALD_STATE_DEAD);
    EXPECT_EQ(board.reg(SKALD_REG_BOOT_ERROR), SKALD_BOOT_HALT);
    board.set_reg(SKALD_REG_CTRL, SKALD_CTRL_RESET);
    board.wait_status(SKALD_STATE_IDLE);
    board.boot();
    EXPECT_EQ(board.ping(3)[SKALD_MBOX_W_STATUS], SKALD_MBOX_OK);
}

TEST(Boot, MailboxWithoutFirmwareIsNeverBusy) {
    Board board;
    board.set_reg(SKALD_REG_MBOX_CMD0, SKALD_MBOX_PING);
    board.set_reg(SKALD_REG_MBOX_DOORBELL, 1);
    EXPECT_EQ(board.reg(SKALD_REG_MBOX_STATUS), 0u);
    EXPECT_EQ(board.reg(SKALD_REG_STATUS), SKALD_STATE_IDLE);
}

}  // namespace
}  // namespace skald::qtest
