// SPDX-License-Identifier: MIT
// Delivery of MSI-X, with the one event that needs no firmware: a boot that fails. It changes
// STATUS, which raises vector 0 when INTR_STATE is unmasked.
#include <gtest/gtest.h>

#include "board.hpp"
#include "log_file.hpp"

namespace skald::qtest {
namespace {

constexpr std::uint64_t kPba = kMsix + 2048;

class Msix : public testing::Test {
  protected:
    Msix() {
        board.enable_msix();
        board.set_reg(SKALD_REG_INTR_MASK, SKALD_INTR_STATE);
    }

    // An image without magic: BOOT_FAILED, and vector 0 requested.
    void begin_event() {
        board.set_reg(SKALD_REG_INTR_STATUS, SKALD_INTR_STATE);
        board.set_reg(SKALD_REG_BOOT_SIZE, 4096);
        board.set_reg(SKALD_REG_CTRL, SKALD_CTRL_BOOT);
    }
    void cause_event() {
        begin_event();
        wait_until("BOOT_FAILED",
                   [&] { return board.reg(SKALD_REG_STATUS) == SKALD_STATE_BOOT_FAILED; });
    }
    void wait_message(unsigned word, std::uint32_t data) {
        wait_until("a message", [&] { return board.message(word) == data; });
    }
    [[nodiscard]] bool pending(unsigned vector) {
        return board.machine.read(kPba, 8) >> vector & 1;
    }
    void set_flags(std::uint16_t flags) {
        const unsigned capability = board.card.capability(PCI_CAP_ID_MSIX);
        board.card.write16(capability + PCI_MSIX_FLAGS, flags);
    }

    // The request of the event was answered, whatever came of it.
    void wait_outcome(const std::string& outcome) {
        wait_until("the outcome", [&] {
            return log.text().find("skald_irq card0 vector 0" + outcome + '\n') !=
                   std::string::npos;
        });
    }

    LogFile log;
    Board board{"memory-size=64M", {"-trace", "skald_irq", "-D", log.path()}};
};

TEST_F(Msix, EventRaisesVectorZeroWithTheProgrammedMessage) {
    cause_event();
    wait_message(0, kMessageData);
    for (unsigned vector = 1; vector < SKALD_NUM_VECTORS; ++vector) {
        EXPECT_EQ(board.message(vector), 0u) << vector;
    }
}

TEST_F(Msix, MaskedVectorIsPendingAndComesWhenUnmasked) {
    board.set_vector(0, kMessages, kMessageData, true);
    cause_event();
    wait_until("the pending bit", [&] { return pending(0); });
    EXPECT_EQ(board.message(0), 0u);
    board.set_vector(0, kMessages, kMessageData, false);
    wait_message(0, kMessageData);
    EXPECT_FALSE(pending(0));
}

TEST_F(Msix, FunctionMaskHoldsEveryVectorBack) {
    set_flags(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
    cause_event();
    wait_until("the pending bit", [&] { return pending(0); });
    EXPECT_EQ(board.message(0), 0u);
    set_flags(PCI_MSIX_FLAGS_ENABLE);
    wait_message(0, kMessageData);
}

TEST_F(Msix, MaskedEventRaisesNothingUntilItIsUnmasked) {
    board.set_reg(SKALD_REG_INTR_MASK, 0);
    cause_event();
    EXPECT_TRUE(board.reg(SKALD_REG_INTR_STATUS) & SKALD_INTR_STATE);
    EXPECT_EQ(board.message(0), 0u);
    board.set_reg(SKALD_REG_INTR_MASK, SKALD_INTR_STATE);
    wait_message(0, kMessageData);
}

// The two below show that a message was dropped by what comes after it: requests are answered in
// order, so once the second event's message is there, the first one's would be.
TEST_F(Msix, DisabledMeansDroppedAndNotPending) {
    set_flags(0);
    cause_event();
    wait_outcome(" dropped, MSI-X is off");
    set_flags(PCI_MSIX_FLAGS_ENABLE);
    board.set_vector(0, kMessages + 4, 0x77, false);
    cause_event();
    wait_message(1, 0x77);
    EXPECT_EQ(board.message(0), 0u);
    EXPECT_FALSE(pending(0));
}

TEST_F(Msix, NothingIsWrittenWithoutBusMastering) {
    board.card.write16(PCI_COMMAND, PCI_COMMAND_MEMORY);
    cause_event();
    wait_outcome(" dropped, no bus master");
    board.set_vector(0, kMessages + 4, 0x78, true);
    cause_event();
    wait_until("the pending bit", [&] { return pending(0); });
    board.card.write16(PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    board.set_vector(0, kMessages + 4, 0x78, false);
    wait_message(1, 0x78);
    EXPECT_EQ(board.message(0), 0u);
}

// The BARs are out of reach in D3hot; an event of before is answered there because the VM stood
// still.
TEST_F(Msix, NothingIsWrittenInD3Hot) {
    board.machine.qmp("stop");
    begin_event();  // of a card that stands still as its VM does
    board.power_state(3);
    board.machine.qmp("cont");
    wait_outcome(" dropped, no bus master");
    EXPECT_EQ(board.message(0), 0u);
    board.power_state(0);
    board.set_vector(0, kMessages + 4, 0x79, false);
    cause_event();
    wait_message(1, 0x79);
    EXPECT_EQ(board.message(0), 0u);
}

TEST_F(Msix, WhatIsUnmaskedInD3HotIsNotWrittenThere) {
    set_flags(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
    cause_event();
    wait_until("the pending bit", [&] { return pending(0); });
    board.power_state(3);
    set_flags(PCI_MSIX_FLAGS_ENABLE);
    EXPECT_EQ(board.message(0), 0u);
}

// The card's thread sends it, and would enter the card a second time.
TEST_F(Msix, AMessageAimedAtTheCardItselfIsRefused) {
    board.set_vector(0, kRegs + SKALD_REG_HOST_ABI, 0x7a, false);
    cause_event();
    wait_outcome("");
    EXPECT_EQ(board.reg(SKALD_REG_HOST_ABI), 0u);
}

TEST_F(Msix, ResetOfTheFunctionForgetsPendingVectors) {
    board.set_vector(0, kMessages, kMessageData, true);
    cause_event();
    wait_until("the pending bit", [&] { return pending(0); });
    board.function_level_reset();
    board.enumerate();
    EXPECT_FALSE(pending(0));
    EXPECT_EQ(board.message(0), 0u);
    EXPECT_EQ(board.reg(SKALD_REG_INTR_STATUS), 0u);
}

}  // namespace
}  // namespace skald::qtest
