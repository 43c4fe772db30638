// SPDX-License-Identifier: MIT
// Loads and stores: widths, sign, and the faults of misaligned and unmapped addresses.
#include "machine.hpp"

namespace skald::card::rv32::test {
namespace {

constexpr U kData = 0x4000;

TEST(Rv32Memory, LoadsExtendAsTheirNamesSay) {
    struct {
        const char* name;
        std::int32_t offset;
        U result;
    } const cases[] = {
        {"lb", 0, 0xffffff81}, {"lb", 1, 0x02},       {"lbu", 0, 0x81},
        {"lh", 0, 0x0281},     {"lh", 2, 0xffff8403}, {"lhu", 2, 0x8403},
        {"lw", 0, 0x84030281}, {"lb", 3, 0xffffff84}, {"lbu", 3, 0x84},
    };
    for (const auto& c : cases) {
        Machine m;
        m.memory.put(kData, 0x84030281);
        EXPECT_EQ(m.alu(i(c.name, 3, 1, c.offset), kData), c.result) << c.name << c.offset;
    }
}

TEST(Rv32Memory, StoresWriteOnlyTheirBytes) {
    Machine m;
    m.memory.put(kData, 0);
    m.hart.set_x(1, kData + 8);
    m.hart.set_x(2, 0xaabbccdd);
    m.run({s("sb", 2, 1, -7)});
    EXPECT_EQ(m.memory.word(kData), 0x0000dd00u);
    m.run({s("sh", 2, 1, -6)});
    EXPECT_EQ(m.memory.word(kData), 0xccdddd00u);
    m.run({s("sw", 2, 1, -8)});
    EXPECT_EQ(m.memory.word(kData), 0xaabbccddu);
}

TEST(Rv32Memory, CodeRunsAsItIsWrittenNow) {
    Machine m;
    // Overwritten, and where one place of the decoded instructions serves several addresses.
    for (const U address : {kBase, kBase, kBase + 0x1000, kBase, kBase + 0x2000}) {
        static std::int32_t n = 0;
        m.hart.set_pc(address);
        m.run({i("addi", 3, 0, ++n)});
        EXPECT_EQ(m.hart.x(3), static_cast<U>(n));
    }
    m.hart.set_pc(kBase);
    m.memory.put16(kBase, 0x4195);  // c.li x3, 5 where a wide one was
    ASSERT_EQ(m.hart.step(), Outcome::kRetired);
    EXPECT_EQ(m.hart.x(3), 5u);
    EXPECT_EQ(m.hart.pc(), kBase + 2);
    // And what it stores itself.
    m.hart.set_x(1, kBase + 0x104);
    m.hart.set_x(2, i("addi", 3, 0, 42));
    m.hart.set_pc(kBase + 0x104);
    m.run({i("addi", 3, 0, 1)});
    m.hart.set_pc(kBase + 0x100);
    m.run({s("sw", 2, 1, 0)});
    ASSERT_EQ(m.hart.step(), Outcome::kRetired);
    EXPECT_EQ(m.hart.x(3), 42u);
}

TEST(Rv32Memory, NegativeOffsetsReachTheFullTwelveBits) {
    Machine m;
    m.memory.put(kData - 2048, 0x11111111);
    m.memory.put(kData + 2044, 0x22222222);
    EXPECT_EQ(m.alu(i("lw", 3, 1, -2048), kData), 0x11111111u);
    EXPECT_EQ(m.alu(i("lw", 3, 1, 2044), kData), 0x22222222u);
}

TEST(Rv32Memory, MisalignedAccessesTrapWithTheAddress) {
    Machine m;
    m.hart.set_x(1, kData);
    m.hart.set_x(3, 0x1234);
    for (const std::int32_t offset : {1, 2, 3}) {
        m.expect_trap(i("lw", 3, 1, offset), Cause::kLoadMisaligned, kData + offset);
        m.expect_trap(s("sw", 3, 1, offset), Cause::kStoreMisaligned, kData + offset);
    }
    m.expect_trap(i("lh", 3, 1, 1), Cause::kLoadMisaligned, kData + 1);
    m.expect_trap(i("lhu", 3, 1, 3), Cause::kLoadMisaligned, kData + 3);
    m.expect_trap(s("sh", 3, 1, 1), Cause::kStoreMisaligned, kData + 1);
    EXPECT_EQ(m.hart.x(3), 0x1234u) << "a load that traps writes nothing";
    EXPECT_EQ(m.memory.word(kData), 0u) << "a store that traps writes nothing";
}

TEST(Rv32Memory, UnmappedAccessesTrapWithTheAddress) {
    Machine m;
    m.hart.set_x(1, 0xf0000000);
    m.hart.set_x(3, 0x1234);
    for (const char* name : {"lb", "lbu", "lh", "lhu", "lw"}) {
        m.expect_trap(i(name, 3, 1, 4), Cause::kLoadAccess, 0xf0000004);
    }
    for (const char* name : {"sb", "sh", "sw"}) {
        m.expect_trap(s(name, 3, 1, 4), Cause::kStoreAccess, 0xf0000004);
    }
    EXPECT_EQ(m.hart.x(3), 0x1234u);
}

TEST(Rv32Memory, AddressesWrapAround) {
    Machine m;
    m.memory.put(kBase + 0x100, 77);
    EXPECT_EQ(m.alu(i("lw", 3, 1, 0x200), kBase - 0x100), 77u);
    m.hart.set_x(1, 4);
    m.expect_trap(i("lw", 3, 1, -8), Cause::kLoadAccess, 0xfffffffc);
}

}  // namespace
}  // namespace skald::card::rv32::test
