// SPDX-License-Identifier: MIT
// Branches and jumps.
#include "machine.hpp"

namespace skald::card::rv32::test {
namespace {

constexpr U kNegative = 0xffffffff;

TEST(Rv32Jump, BranchesFollowTheirCondition) {
    struct {
        const char* name;
        bool less, equal, greater, negative_first;  // (1,2) (2,2) (2,1) (-1,1)
    } const cases[] = {
        {"beq", false, true, false, false},  {"bne", true, false, true, true},
        {"blt", true, false, false, true},   {"bge", false, true, true, false},
        {"bltu", true, false, false, false}, {"bgeu", false, true, true, true},
    };
    const auto taken = [](const char* name, U a, U b2) {
        Machine m;
        m.hart.set_x(1, a);
        m.hart.set_x(2, b2);
        m.run({b(name, 1, 2, 64)});
        EXPECT_TRUE(m.hart.pc() == kBase + 64 || m.hart.pc() == kBase + 4);
        return m.hart.pc() == kBase + 64;
    };
    for (const auto& c : cases) {
        EXPECT_EQ(taken(c.name, 1, 2), c.less) << c.name;
        EXPECT_EQ(taken(c.name, 2, 2), c.equal) << c.name;
        EXPECT_EQ(taken(c.name, 2, 1), c.greater) << c.name;
        EXPECT_EQ(taken(c.name, kNegative, 1), c.negative_first) << c.name;
    }
}

TEST(Rv32Jump, BranchesReachForwardAndBackward) {
    Machine m;
    m.run({b("beq", 0, 0, 4094)});
    EXPECT_EQ(m.hart.pc(), kBase + 4094);
    m.hart.set_pc(kBase + 0x2000);
    m.run({b("beq", 0, 0, -4096)});
    EXPECT_EQ(m.hart.pc(), kBase + 0x1000);
}

TEST(Rv32Jump, JalLinksAndJumps) {
    Machine m;
    m.run({j("jal", 5, 0x8000)});
    EXPECT_EQ(m.hart.x(5), kBase + 4);
    EXPECT_EQ(m.hart.pc(), kBase + 0x8000);
    m.run({j("jal", 0, -0x7ffe)});
    EXPECT_EQ(m.hart.pc(), kBase + 2);
    EXPECT_EQ(m.hart.x(0), 0u);
}

TEST(Rv32Jump, JalrClearsBitZeroAndLinksLast) {
    Machine m;
    m.hart.set_x(5, 0x4000);
    m.run({i("jalr", 5, 5, 7)});  // link register is also the target's base
    EXPECT_EQ(m.hart.pc(), 0x4006u);
    EXPECT_EQ(m.hart.x(5), kBase + 4);
}

TEST(Rv32Jump, WideInstructionsMayStartAtAnyHalfword) {
    Machine m;
    m.hart.set_pc(kBase + 2);
    m.memory.put16(kBase + 2, i("addi", 3, 0, 9) & 0xffff);
    m.memory.put16(kBase + 4, i("addi", 3, 0, 9) >> 16);
    ASSERT_EQ(m.hart.step(), Outcome::kRetired);
    EXPECT_EQ(m.hart.x(3), 9u);
    EXPECT_EQ(m.hart.pc(), kBase + 6);
}

}  // namespace
}  // namespace skald::card::rv32::test
