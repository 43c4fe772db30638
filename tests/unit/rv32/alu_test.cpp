// SPDX-License-Identifier: MIT
// Integer arithmetic of RV32I and M, by table: instruction, operands, result.
#include "machine.hpp"

namespace skald::card::rv32::test {
namespace {

constexpr U kMin = 0x80000000, kMax = 0x7fffffff, kOnes = 0xffffffff;

struct Case {
    const char* name;
    U a, b, result;
};

// x3 = x1 op x2
constexpr Case kRegister[] = {
    {"add", 1, 2, 3},
    {"add", kOnes, 1, 0},
    {"add", kMax, 1, kMin},
    {"sub", 1, 2, kOnes},
    {"sub", kMin, 1, kMax},
    {"sll", 1, 31, kMin},
    {"sll", 1, 32, 1},  // only five bits count
    {"sll", 0xf0f0f0f0, 0xffffffe4, 0x0f0f0f00},
    {"slt", kMin, kMax, 1},
    {"slt", kMax, kMin, 0},
    {"slt", 5, 5, 0},
    {"sltu", kMin, kMax, 0},
    {"sltu", kMax, kMin, 1},
    {"sltu", 5, 5, 0},
    {"xor", 0xff00ff00, 0x0ff00ff0, 0xf0f0f0f0},
    {"srl", kMin, 31, 1},
    {"srl", kMin, 32, kMin},
    {"sra", kMin, 31, kOnes},
    {"sra", kMax, 30, 1},
    {"sra", kMin, 32, kMin},
    {"or", 0xff00ff00, 0x0ff00ff0, 0xfff0fff0},
    {"and", 0xff00ff00, 0x0ff00ff0, 0x0f000f00},
    {"mul", 7, 6, 42},
    {"mul", kOnes, kOnes, 1},
    {"mul", 0x12345678, 0x9abcdef0, 0x242d2080},
    {"mulh", kOnes, kOnes, 0},
    {"mulh", kMin, kMin, 0x40000000},
    {"mulh", kMin, kMax, 0xc0000000},
    {"mulhsu", kOnes, kOnes, kOnes},
    {"mulhsu", kMin, kOnes, kMin},
    {"mulhsu", kMax, kOnes, 0x7ffffffe},
    {"mulhu", kOnes, kOnes, 0xfffffffe},
    {"mulhu", kMin, kMin, 0x40000000},
    {"div", 20, 6, 3},
    {"div", static_cast<U>(-20), 6, static_cast<U>(-3)},
    {"div", 20, static_cast<U>(-6), static_cast<U>(-3)},
    {"div", 20, 0, kOnes},
    {"div", kMin, 0, kOnes},
    {"div", kMin, kOnes, kMin},  // the one overflow
    {"div", kMin, 1, kMin},
    {"divu", static_cast<U>(-20), 6, 715827879},
    {"divu", 20, 0, kOnes},
    {"divu", kMin, kOnes, 0},
    {"rem", 20, 6, 2},
    {"rem", static_cast<U>(-20), 6, static_cast<U>(-2)},
    {"rem", 20, static_cast<U>(-6), 2},
    {"rem", 20, 0, 20},
    {"rem", kMin, 0, kMin},
    {"rem", kMin, kOnes, 0},
    {"remu", static_cast<U>(-20), 6, 2},
    {"remu", kMin, kOnes, kMin},
    {"remu", 20, 0, 20},
};

// x3 = x1 op imm
constexpr Case kImmediate[] = {
    {"addi", 1, 2047, 2048},
    {"addi", 0, static_cast<U>(-2048), 0xfffff800},
    {"slti", kMin, 0, 1},
    {"slti", 0, static_cast<U>(-1), 0},
    {"sltiu", 0, static_cast<U>(-1), 1},  // sign-extended, then unsigned
    {"sltiu", kOnes, static_cast<U>(-1), 0},
    {"xori", 0x00ff00ff, static_cast<U>(-1), 0xff00ff00},
    {"ori", 0x00ff00ff, 0x700, 0x00ff07ff},
    {"andi", 0x00ff00ff, static_cast<U>(-16), 0x00ff00f0},
    {"slli", 0x00ff00ff, 4, 0x0ff00ff0},
    {"slli", 1, 31, kMin},
    {"srli", kMin, 31, 1},
    {"srai", kMin, 31, kOnes},
    {"srai", kMax, 4, 0x07ffffff},
};

TEST(Rv32Alu, RegisterInstructionsComputeTheirResults) {
    for (const Case& c : kRegister) {
        Machine m;
        EXPECT_EQ(m.alu(r(c.name, 3, 1, 2), c.a, c.b), c.result)
            << c.name << std::hex << " " << c.a << " " << c.b;
        EXPECT_EQ(m.hart.pc(), kBase + 4);
    }
}

TEST(Rv32Alu, ImmediateInstructionsComputeTheirResults) {
    for (const Case& c : kImmediate) {
        Machine m;
        EXPECT_EQ(m.alu(i(c.name, 3, 1, static_cast<std::int32_t>(c.b)), c.a), c.result)
            << c.name << std::hex << " " << c.a << " " << c.b;
    }
}

TEST(Rv32Alu, EveryRegisterAndImmediateInstructionHasACase) {
    const auto covered = [](std::string_view name) {
        for (const Case& c : kRegister) {
            if (name == c.name)
                return true;
        }
        for (const Case& c : kImmediate) {
            if (name == c.name)
                return true;
        }
        return false;
    };
    for (const Instruction& instruction : instructions()) {
        const U opcode = instruction.match & 0x7f;
        if (opcode == 0x13 || opcode == 0x33) {
            EXPECT_TRUE(covered(instruction.name)) << instruction.name;
        }
    }
}

TEST(Rv32Alu, UpperImmediates) {
    Machine m;
    m.run({u("lui", 3, 0xfffff), u("auipc", 4, 0x12345)});
    EXPECT_EQ(m.hart.x(3), 0xfffff000u);
    EXPECT_EQ(m.hart.x(4), kBase + 4 + 0x12345000u);
}

TEST(Rv32Alu, WritesToX0AreLost) {
    Machine m;
    m.run({i("addi", 0, 0, 5), u("lui", 0, 1), r("add", 3, 0, 0)});
    EXPECT_EQ(m.hart.x(0), 0u);
    EXPECT_EQ(m.hart.x(3), 0u);
}

TEST(Rv32Alu, DestinationMayBeASource) {
    Machine m;
    m.hart.set_x(1, 21);
    m.run({r("add", 1, 1, 1)});
    EXPECT_EQ(m.hart.x(1), 42u);
}

TEST(Rv32Alu, FenceDoesNothingWhateverItsFieldsSay) {
    Machine m;
    m.hart.set_x(3, 7);
    m.run({0x0ff0000f, 0x0000000f | 3 << 7 | 1 << 15});
    EXPECT_EQ(m.hart.x(3), 7u);
    EXPECT_EQ(m.hart.pc(), kBase + 8);
}

}  // namespace
}  // namespace skald::card::rv32::test
