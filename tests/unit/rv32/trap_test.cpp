// SPDX-License-Identifier: MIT
// Exceptions, interrupts, MRET and WFI.
#include <random>

#include "machine.hpp"

namespace skald::card::rv32::test {
namespace {

constexpr U kMstatus = 0x300, kMie = 0x304, kMepc = 0x341, kMcause = 0x342, kMtval = 0x343;
constexpr U kMieBit = 8, kMpieBit = 0x80;

TEST(Rv32Trap, EcallAndEbreak) {
    Machine m;
    m.expect_trap(plain("ecall"), Cause::kEcall, 0);
    m.expect_trap(plain("ebreak"), Cause::kBreakpoint, kBase);
}

TEST(Rv32Trap, IllegalInstructionsReportTheirBits) {
    Machine m;
    const U illegal[] = {
        0xffffffff,
        0x0000100f,                     // fence.i is another extension
        0x10200073,                     // sret
        0x00200073,                     // uret
        0x0000002f | 2 << 12,           // atomics
        0x00000007 | 2 << 12,           // flw
        r("add", 3, 1, 2) | 1u << 26,   // unknown funct7
        r("sub", 3, 1, 2) | 1u << 25,   // M and SUB at once
        i("slli", 3, 1, 1) | 1u << 25,  // shift amount of 33
        i("srai", 3, 1, 1) | 1u << 25,
        i("jalr", 1, 1, 0) | 1u << 12,  // funct3 other than 0
        0x00003003 | 3 << 7,            // ld
        0x00003023,                     // sd
        0x00002063,                     // branch funct3 2
        plain("ecall") | 1 << 7,        // rd must be 0
        plain("mret") | 1 << 15,        // rs1 must be 0
    };
    for (const U word : illegal) {
        m.expect_trap(word, Cause::kIllegal, word);
    }
}

TEST(Rv32Trap, CompressedIllegalInstructionsReportSixteenBits) {
    Machine m;
    m.set_handler();
    for (const U half : {0x0000u, 0x2000u, 0x8000u, 0x4002u, 0x8002u, 0x6001u, 0x9c01u}) {
        m.memory.put(kBase, 0xabcd0000 | half);
        m.hart.set_pc(kBase);
        ASSERT_EQ(m.hart.step(), Outcome::kRetired);
        EXPECT_EQ(m.csr_value(kMcause), static_cast<U>(Cause::kIllegal));
        EXPECT_EQ(m.csr_value(kMtval), half);
        m.hart.return_from_trap();
    }
}

TEST(Rv32Trap, FetchFaultsReportTheHalfThatIsMissing) {
    Machine m;
    m.set_handler();
    m.hart.set_pc(0x40000000);
    ASSERT_EQ(m.hart.step(), Outcome::kRetired);
    EXPECT_EQ(m.csr_value(kMcause), static_cast<U>(Cause::kFetchAccess));
    EXPECT_EQ(m.csr_value(kMepc), 0x40000000u);
    EXPECT_EQ(m.csr_value(kMtval), 0x40000000u);
    m.hart.return_from_trap();

    const U last = kBase + kBytes - 2;  // a wide instruction over the end
    m.memory.put16(last, 0x0013);
    m.hart.set_pc(last);
    ASSERT_EQ(m.hart.step(), Outcome::kRetired);
    EXPECT_EQ(m.csr_value(kMepc), last);
    EXPECT_EQ(m.csr_value(kMtval), last + 2);
}

TEST(Rv32Trap, EnteringStacksTheInterruptEnableAndMretUnstacksIt) {
    Machine m;
    m.set_handler();
    m.set_csr(kMstatus, kMieBit);
    m.memory.put(kBase, plain("ecall"));
    ASSERT_EQ(m.hart.step(), Outcome::kRetired);
    EXPECT_EQ(m.csr_value(kMstatus) & (kMieBit | kMpieBit), kMpieBit);
    m.run({plain("mret")});
    EXPECT_EQ(m.hart.pc(), kBase);
    EXPECT_EQ(m.csr_value(kMstatus) & (kMieBit | kMpieBit), kMieBit | kMpieBit);
}

TEST(Rv32Trap, MretGoesWhereMepcSays) {
    Machine m;
    m.set_csr(kMepc, 0x4003);
    m.run({plain("mret")});
    EXPECT_EQ(m.hart.pc(), 0x4002u);
    EXPECT_EQ(m.csr_value(kMstatus) & (kMieBit | kMpieBit), kMpieBit) << "MPIE was 0";
}

TEST(Rv32Trap, ExceptionsIgnoreVectoredMode) {
    Machine m;
    m.set_handler(1);
    m.memory.put(kBase, plain("ecall"));
    ASSERT_EQ(m.hart.step(), Outcome::kRetired);
    EXPECT_EQ(m.hart.pc(), kHandler);
}

TEST(Rv32Trap, WithoutAHandlerTheHartStops) {
    Machine m;
    m.memory.put(kBase, plain("ecall"));
    EXPECT_EQ(m.hart.step(), Outcome::kStopped);
    EXPECT_EQ(m.hart.step(), Outcome::kStopped) << "for good";
    EXPECT_EQ(m.hart.last_trap().cause, static_cast<U>(Cause::kEcall));
    EXPECT_EQ(m.hart.last_trap().pc, kBase);
    m.hart.reset(kBase);
    m.memory.put(kBase, i("addi", 1, 0, 1));
    EXPECT_EQ(m.hart.step(), Outcome::kRetired);
}

TEST(Rv32Trap, AnExceptionInsideAHandlerStopsTheHart) {
    Machine m;
    m.set_handler();
    m.memory.put(kBase, plain("ecall"));
    m.memory.put(kHandler, 0xffffffff);
    ASSERT_EQ(m.hart.step(), Outcome::kRetired);
    EXPECT_EQ(m.hart.step(), Outcome::kStopped);
    EXPECT_EQ(m.hart.last_trap().cause, static_cast<U>(Cause::kIllegal));
    EXPECT_EQ(m.hart.last_trap().pc, kHandler);
}

struct Interrupted : Machine {
    Interrupted() {
        set_handler();
        set_csr(kMie, kTimerLine | kExternalLine);
        set_csr(kMstatus, kMieBit);
        memory.put(kBase, i("addi", 3, 3, 1));
        memory.put(kHandler, i("addi", 4, 4, 1));
    }
};

TEST(Rv32Interrupt, IsTakenBeforeTheNextInstruction) {
    Interrupted m;
    m.lines = kTimerLine;
    ASSERT_EQ(m.hart.step(), Outcome::kRetired);
    EXPECT_EQ(m.hart.pc(), kHandler);
    EXPECT_EQ(m.hart.x(3), 0u);
    EXPECT_EQ(m.csr_value(kMcause), 0x80000007u);
    EXPECT_EQ(m.csr_value(kMepc), kBase);
    EXPECT_EQ(m.csr_value(kMtval), 0u);
    ASSERT_EQ(m.hart.step(), Outcome::kRetired);
    EXPECT_EQ(m.hart.x(4), 1u) << "and not again inside the handler, MIE is off";
}

TEST(Rv32Interrupt, ExternalGoesBeforeTimer) {
    Interrupted m;
    m.lines = kTimerLine | kExternalLine;
    ASSERT_EQ(m.hart.step(), Outcome::kRetired);
    EXPECT_EQ(m.csr_value(kMcause), 0x8000000bu);
}

TEST(Rv32Interrupt, VectoredModeSelectsByCause) {
    Interrupted m;
    m.set_handler(1);
    m.lines = kExternalLine;
    ASSERT_EQ(m.hart.step(), Outcome::kRetired);
    EXPECT_EQ(m.hart.pc(), kHandler + 4 * 11);
}

TEST(Rv32Interrupt, NeedsTheLineItsMieBitAndTheGlobalEnable) {
    for (const U off : {0u, 1u, 2u}) {
        Interrupted m;
        m.lines = off == 0 ? 0 : kTimerLine;
        m.set_csr(kMie, off == 1 ? kExternalLine : kTimerLine | kExternalLine);
        m.set_csr(kMstatus, off == 2 ? 0 : kMieBit);
        ASSERT_EQ(m.hart.step(), Outcome::kRetired);
        EXPECT_EQ(m.hart.x(3), 1u);
    }
}

TEST(Rv32Wfi, SleepsUntilAnEnabledLineRises) {
    Machine m;
    m.set_csr(kMie, kExternalLine);
    m.memory.put(kBase, plain("wfi"));
    m.memory.put(kBase + 4, i("addi", 3, 3, 1));
    ASSERT_EQ(m.hart.step(), Outcome::kRetired);
    EXPECT_EQ(m.hart.step(), Outcome::kWaiting);
    m.lines = kTimerLine;
    EXPECT_EQ(m.hart.step(), Outcome::kWaiting) << "not enabled in mie";
    m.lines = kExternalLine;
    EXPECT_EQ(m.hart.step(), Outcome::kRetired) << "wakes though mstatus.MIE is off";
    EXPECT_EQ(m.hart.x(3), 1u);
}

TEST(Rv32Wfi, WithInterruptsOnTheHandlerReturnsBehindIt) {
    Interrupted m;
    m.memory.put(kBase, plain("wfi"));
    ASSERT_EQ(m.hart.step(), Outcome::kRetired);
    m.lines = kExternalLine;
    ASSERT_EQ(m.hart.step(), Outcome::kRetired);
    EXPECT_EQ(m.hart.pc(), kHandler);
    EXPECT_EQ(m.csr_value(kMepc), kBase + 4);
}

// Whatever bits come, the hart either executes or traps; it never does neither and never touches
// x0.
TEST(Rv32Trap, RandomInstructionsEitherRetireOrTrapPrecisely) {
    std::mt19937 random(1);
    Machine m;
    for (int n = 0; n < 200000; ++n) {
        m.hart.reset(kBase);
        m.set_handler();
        for (unsigned x = 1; x < 32; ++x) {
            m.hart.set_x(x, random() % 4 == 0 ? kBase + random() % kBytes : random());
        }
        const U word = random();
        m.memory.put(kBase, word);
        const Outcome outcome = m.hart.step();
        ASSERT_EQ(outcome, Outcome::kRetired);
        ASSERT_EQ(m.hart.x(0), 0u);
        const U cause = m.csr_value(kMcause);
        if (cause != 0 && m.hart.pc() == kHandler) {
            ASSERT_EQ(m.csr_value(kMepc), kBase);
            ASSERT_LE(cause, 11u);
        }
    }
}

}  // namespace
}  // namespace skald::card::rv32::test
