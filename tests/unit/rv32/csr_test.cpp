// SPDX-License-Identifier: MIT
// Zicsr and the registers behind it.
#include "machine.hpp"

namespace skald::card::rv32::test {
namespace {

constexpr U kMscratch = 0x340, kMstatus = 0x300, kMisa = 0x301, kMie = 0x304, kMtvec = 0x305,
            kMepc = 0x341, kMip = 0x344, kMcycle = 0xb00, kMinstret = 0xb02, kMcycleh = 0xb80,
            kMhartid = 0xf14;

TEST(Rv32Csr, EachFormReadsTheOldValueAndCombines) {
    struct {
        const char* name;
        U operand;  // register value or immediate
        U expected;
    } const cases[] = {
        {"csrrw", 0x0f0f, 0x0f0f}, {"csrrs", 0x0f0f, 0x0fff}, {"csrrc", 0x0f0f, 0x00f0},
        {"csrrwi", 0x15, 0x15},    {"csrrsi", 0x0f, 0x00ff},  {"csrrci", 0x10, 0x00e0},
    };
    for (const auto& c : cases) {
        Machine m;
        m.set_csr(kMscratch, 0x00f0);
        m.hart.set_x(1, c.operand);
        const bool immediate = std::string_view(c.name).ends_with('i');
        m.run({csr(c.name, 3, kMscratch, immediate ? c.operand : 1)});
        EXPECT_EQ(m.hart.x(3), 0x00f0u) << c.name;
        EXPECT_EQ(m.csr_value(kMscratch), c.expected) << c.name;
    }
}

TEST(Rv32Csr, SetAndClearOfNothingDoNotWriteEvenReadOnlyRegisters) {
    Machine m;
    m.run({csr("csrrs", 3, kMhartid, 0), csr("csrrc", 3, kMhartid, 0),
           csr("csrrsi", 3, kMhartid, 0), csr("csrrci", 3, kMhartid, 0)});
    EXPECT_EQ(m.hart.x(3), 0u);
}

TEST(Rv32Csr, WritingAReadOnlyRegisterIsIllegal) {
    Machine m;
    for (const char* name : {"csrrw", "csrrwi"}) {
        const U word = csr(name, 3, kMhartid, 0);
        m.expect_trap(word, Cause::kIllegal, word);
    }
    for (const char* name : {"csrrs", "csrrc", "csrrsi", "csrrci"}) {
        const U word = csr(name, 3, kMhartid, 1);  // x1 is 0 and yet it is a write
        m.expect_trap(word, Cause::kIllegal, word);
    }
}

TEST(Rv32Csr, UnknownRegistersAreIllegalToReadAndToWrite) {
    Machine m;
    for (const U number : {0x000u, 0x100u, 0x180u, 0x302u, 0x3a0u, 0xb03u, 0xc00u, 0xfffu}) {
        m.expect_trap(csr("csrrs", 3, number, 0), Cause::kIllegal, csr("csrrs", 3, number, 0));
        m.expect_trap(csr("csrrw", 0, number, 1), Cause::kIllegal, csr("csrrw", 0, number, 1));
    }
}

TEST(Rv32Csr, OnlyWritableBitsChange) {
    struct {
        U number, ones;
    } const cases[] = {
        {kMstatus, 0x1888},  {kMisa, 0x40001104},     {kMie, 0x880}, {kMtvec, 0xfffffffd},
        {kMepc, 0xfffffffe}, {kMscratch, 0xffffffff}, {kMip, 0},
    };
    for (const auto& c : cases) {
        Machine m;
        m.hart.set_x(1, 0xffffffff);
        m.run({csr("csrrw", 0, c.number, 1)});
        EXPECT_EQ(m.csr_value(c.number), c.ones) << std::hex << c.number;
    }
    Machine m;
    m.run({csr("csrrw", 0, kMstatus, 0)});
    EXPECT_EQ(m.csr_value(kMstatus), 0x1800u) << "MPP is always machine mode";
}

TEST(Rv32Csr, MipShowsTheLines) {
    Machine m;
    m.lines = kTimerLine | kExternalLine;
    m.run({csr("csrrs", 3, kMip, 0)});
    EXPECT_EQ(m.hart.x(3), 0x880u);
}

TEST(Rv32Csr, CountersCountAndCarry) {
    Machine m;
    m.run({i("addi", 0, 0, 0), i("addi", 0, 0, 0), csr("csrrs", 3, kMinstret, 0)});
    EXPECT_EQ(m.hart.x(3), 2u) << "instructions retired before this one";
    m.hart.set_x(1, 0xffffffff);
    m.run({csr("csrrw", 0, kMcycle, 1), i("addi", 0, 0, 0), csr("csrrs", 3, kMcycle, 0),
           csr("csrrs", 4, kMcycleh, 0)});
    EXPECT_EQ(m.hart.x(3), 0u);
    EXPECT_EQ(m.hart.x(4), 1u);
}

TEST(Rv32Csr, AWrittenCounterKeepsItsValueUntilTheNextInstruction) {
    Machine m;
    m.run({csr("csrrwi", 0, kMinstret, 5), csr("csrrs", 3, kMinstret, 0),
           csr("csrrs", 4, kMinstret, 0)});
    EXPECT_EQ(m.hart.x(3), 5u);
    EXPECT_EQ(m.hart.x(4), 6u);
}

TEST(Rv32Csr, TrappingInstructionsTakeACycleButDoNotRetire) {
    Machine m;
    m.expect_trap(plain("ecall"), Cause::kEcall, 0);
    EXPECT_EQ(m.csr_value(kMinstret), 0u);
    EXPECT_EQ(m.csr_value(kMcycle), 1u);
}

}  // namespace
}  // namespace skald::card::rv32::test
