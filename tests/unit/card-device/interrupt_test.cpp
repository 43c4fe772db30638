// SPDX-License-Identifier: MIT
// INTR_STATUS and INTR_MASK: vector 0 fires once for each event that becomes visible.
#include "card_fixture.hpp"

namespace skald::card::test {
namespace {

using InterruptTest = CardTest;

TEST_F(InterruptTest, MaskedEventsStayPendingAndFireWhenUnmasked) {
    card->reg_write(SKALD_REG_INTR_MASK, 0);
    card->reg_write(SKALD_REG_CTRL, SKALD_CTRL_BOOT);  // without an image
    ASSERT_TRUE(host.wait([&] { return driver->status() == SKALD_STATE_BOOT_FAILED; }));
    EXPECT_EQ(driver->reg(SKALD_REG_INTR_STATUS), SKALD_INTR_STATE);
    EXPECT_EQ(host.interrupts(0), 0u);
    card->reg_write(SKALD_REG_INTR_MASK, SKALD_INTR_MBOX);
    EXPECT_EQ(host.interrupts(0), 0u);
    card->reg_write(SKALD_REG_INTR_MASK, SKALD_INTR_STATE);
    EXPECT_EQ(host.interrupts(0), 1u);
    card->reg_write(SKALD_REG_INTR_MASK, SKALD_INTR_STATE);
    EXPECT_EQ(host.interrupts(0), 1u) << "nothing new became visible";
}

TEST_F(InterruptTest, OnesWrittenClearAndZerosDoNot) {
    card->reg_write(SKALD_REG_CTRL, SKALD_CTRL_BOOT);
    ASSERT_TRUE(host.wait([&] { return driver->status() == SKALD_STATE_BOOT_FAILED; }));
    card->reg_write(SKALD_REG_INTR_STATUS, SKALD_INTR_MBOX);
    EXPECT_EQ(driver->reg(SKALD_REG_INTR_STATUS), SKALD_INTR_STATE);
    card->reg_write(SKALD_REG_INTR_STATUS, SKALD_INTR_STATE);
    EXPECT_EQ(driver->reg(SKALD_REG_INTR_STATUS), 0u);
}

TEST_F(InterruptTest, MailboxAnswersFireEveryTimeTheyAreCleared) {
    boot();
    for (int n = 0; n < 5; ++n) {
        const std::uint64_t before = host.interrupts(0);
        driver->command({SKALD_MBOX_PING});
        EXPECT_TRUE(host.wait([&] { return host.interrupts(0) == before + 1; })) << n;
        EXPECT_TRUE(driver->reg(SKALD_REG_INTR_STATUS) & SKALD_INTR_MBOX);
    }
}

TEST_F(InterruptTest, LogLinesAreAnnounced) {
    boot();
    EXPECT_TRUE(driver->reg(SKALD_REG_INTR_STATUS) & SKALD_INTR_LOG);
    card->reg_write(SKALD_REG_INTR_STATUS, SKALD_INTR_LOG);
    driver->command({0x77});  // an unknown command is worth a line
    EXPECT_TRUE(driver->reg(SKALD_REG_INTR_STATUS) & SKALD_INTR_LOG);
}

}  // namespace
}  // namespace skald::card::test
