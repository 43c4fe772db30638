// SPDX-License-Identifier: MIT
// Jobs from doorbell to completion, through the real firmware.
#include "card_fixture.hpp"

namespace skald::card::test {
namespace {

using JobsTest = CardTest;

TEST_F(JobsTest, FirmwareBootsAndAnnouncesItself) {
    boot();
    EXPECT_EQ(driver->reg(SKALD_REG_FW_ABI), SKALD_FW_ABI);
    EXPECT_EQ(driver->reg(SKALD_REG_FW_VERSION), 1u << 24);
    EXPECT_EQ(driver->reg(SKALD_REG_BOOT_ERROR), SKALD_BOOT_OK);
    EXPECT_NE(driver->log_text().find("skald-fw 1.0.0"), std::string::npos) << driver->log_text();
}

TEST_F(JobsTest, JobCompletesWithItsCountersAndAnInterrupt) {
    boot_with_context();
    ASSERT_EQ(driver->create_queue({.id = 7, .vector = 5}), SKALD_MBOX_OK);
    const std::uint64_t seq = driver->submit(7, kProgramSteps, 4);
    const skald_completion record = driver->completion(7, seq);
    EXPECT_EQ(record.status, SKALD_JOB_DONE);
    EXPECT_EQ(record.micro_ops, 4u);
    EXPECT_EQ(record.cycles, 40u);
    EXPECT_EQ(record.bytes, 400u);
    EXPECT_EQ(record.energy_pj, 4000u);
    EXPECT_TRUE(host.wait([&] { return host.interrupts(5) == 1; }));
}

}  // namespace
}  // namespace skald::card::test
