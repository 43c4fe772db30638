// SPDX-License-Identifier: MIT
// Encodings against GNU as: every 32-bit instruction with sample operands, every 16-bit form with
// all of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <bitset>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "assembler.hpp"
#include "card/rv32/compressed.hpp"
#include "machine.hpp"

namespace skald::card::rv32::test {
namespace {

template <class T>
std::vector<T> assembled(const std::string& file) {
    std::ifstream stream(std::string(RV32_ASSEMBLED) + "/" + file, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(stream), {}};
    EXPECT_FALSE(bytes.empty()) << file;
    std::vector<T> words(bytes.size() / sizeof(T));
    std::memcpy(words.data(), bytes.data(), words.size() * sizeof(T));
    return words;
}

TEST(Rv32Encoding, EveryInstructionIsEncodedAsTheAssemblerDoes) {
    // The lines of asm/base.S, in its order.
    const std::vector<U> ours = {
        u("lui", 5, 0xabcde),
        u("auipc", 31, 0x12345),
        j("jal", 1, 0x7fe),
        j("jal", 0, -0x800),
        i("jalr", 1, 2, -3),
        b("beq", 1, 2, 0x7fe),
        b("bne", 3, 4, -0x800),
        b("blt", 5, 6, 16),
        b("bge", 7, 8, -16),
        b("bltu", 9, 10, 0xffe),
        b("bgeu", 11, 12, -0x1000),
        i("lb", 1, 2, -2048),
        i("lh", 3, 4, 2047),
        i("lw", 5, 6, 4),
        i("lbu", 7, 8, -1),
        i("lhu", 9, 10, 0),
        s("sb", 1, 2, -2048),
        s("sh", 3, 4, 2047),
        s("sw", 31, 30, -4),
        i("addi", 1, 2, -2048),
        i("slti", 3, 4, 2047),
        i("sltiu", 5, 6, -1),
        i("xori", 7, 8, 5),
        i("ori", 9, 10, -6),
        i("andi", 11, 12, 7),
        i("slli", 13, 14, 31),
        i("srli", 15, 16, 1),
        i("srai", 17, 18, 17),
        r("add", 1, 2, 3),
        r("sub", 4, 5, 6),
        r("sll", 7, 8, 9),
        r("slt", 10, 11, 12),
        r("sltu", 13, 14, 15),
        r("xor", 16, 17, 18),
        r("srl", 19, 20, 21),
        r("sra", 22, 23, 24),
        r("or", 25, 26, 27),
        r("and", 28, 29, 30),
        plain("fence") | 0x0ff00000,
        plain("ecall"),
        plain("ebreak"),
        r("mul", 1, 2, 3),
        r("mulh", 4, 5, 6),
        r("mulhsu", 7, 8, 9),
        r("mulhu", 10, 11, 12),
        r("div", 13, 14, 15),
        r("divu", 16, 17, 18),
        r("rem", 19, 20, 21),
        r("remu", 22, 23, 24),
        csr("csrrw", 1, 0x300, 2),
        csr("csrrs", 3, 0x304, 4),
        csr("csrrc", 5, 0x305, 6),
        csr("csrrwi", 7, 0x340, 31),
        csr("csrrsi", 8, 0x341, 1),
        csr("csrrci", 9, 0x342, 16),
        plain("mret"),
        plain("wfi"),
    };
    EXPECT_EQ(ours, assembled<U>("base.wide"));

    std::set<std::string_view> seen;
    for (const U word : ours) {
        const Instruction* found = decode(word);
        ASSERT_NE(found, nullptr) << std::hex << word;
        seen.insert(found->name);
    }
    EXPECT_EQ(seen.size(), instructions().size()) << "an instruction is missing in this test";
}

TEST(Rv32Encoding, NoTwoInstructionsShareAnEncoding) {
    const auto table = instructions();
    for (std::size_t x = 0; x < table.size(); ++x) {
        EXPECT_EQ(table[x].match & ~table[x].mask, 0u) << table[x].name;
        EXPECT_EQ(decode(table[x].match), &table[x]) << table[x].name;
        for (std::size_t y = 0; y < x; ++y) {
            const U both = table[x].mask & table[y].mask;
            EXPECT_NE(table[x].match & both, table[y].match & both)
                << table[x].name << " and " << table[y].name;
        }
    }
}

// Hints of the C extension (its section "HINT Instructions"): legal, without effect.
bool is_hint(U h) {
    const U rd = bits(h, 11, 7);
    const U low = bits(h, 6, 2);
    const U imm = low | bits(h, 12, 12) << 5;
    switch ((h & 3) << 3 | h >> 13) {
        case 1 << 3 | 0:  // c.nop with an immediate, c.addi with none
            return (rd == 0) != (imm == 0);
        case 1 << 3 | 2:  // c.li x0
            return rd == 0;
        case 1 << 3 | 3:  // c.lui x0
            return rd == 0 && imm != 0;
        case 1 << 3 | 4:  // c.srli, c.srai by 0
            return bits(h, 11, 10) < 2 && imm == 0;
        case 2 << 3 | 0:  // c.slli to x0 or by 0
            return bits(h, 12, 12) == 0 && (rd == 0 || low == 0);
        case 2 << 3 | 4:  // c.mv, c.add to x0
            return rd == 0 && low != 0;
        default:
            return false;
    }
}

class Rv32Compressed : public testing::Test {
  protected:
    const std::vector<std::uint16_t> narrow = assembled<std::uint16_t>("compressed.narrow");
    const std::vector<U> wide = assembled<U>("compressed.wide");
};

// Offsets of jumps are relative, but the two lists lie at different places: their offsets are the
// same by construction.
TEST_F(Rv32Compressed, EveryFormExpandsAsTheAssemblerSays) {
    ASSERT_EQ(narrow.size(), wide.size());
    ASSERT_GT(narrow.size(), 28000u);
    for (std::size_t n = 0; n < narrow.size(); ++n) {
        ASSERT_EQ(expand(narrow[n]), wide[n]) << std::hex << narrow[n] << " number " << n;
    }
    for (const CompressedForm& form : compressed_forms()) {
        EXPECT_TRUE(std::any_of(narrow.begin(), narrow.end(), [&](U h) {
            return (h & form.mask) == form.match;
        })) << form.name;
    }
}

TEST_F(Rv32Compressed, EverythingElseIsAHintOrReserved) {
    std::bitset<65536> legal;
    for (const U half : narrow) {
        legal.set(half);
    }
    for (U half = 0; half < 65536; ++half) {
        if ((half & 3) == 3 || legal.test(half)) {
            continue;
        }
        const U word = expand(static_cast<std::uint16_t>(half));
        ASSERT_EQ(word != 0, is_hint(half)) << std::hex << half;
    }
}

TEST_F(Rv32Compressed, HintsChangeNothing) {
    Machine m;
    for (U half = 0; half < 65536; ++half) {
        if ((half & 3) == 3 || !is_hint(half)) {
            continue;
        }
        m.hart.reset(kBase);
        for (unsigned x = 1; x < 32; ++x) {
            m.hart.set_x(x, 0x01010101 * x);
        }
        m.memory.put16(kBase, half);
        ASSERT_EQ(m.hart.step(), Outcome::kRetired) << std::hex << half;
        ASSERT_EQ(m.hart.pc(), kBase + 2);
        for (unsigned x = 0; x < 32; ++x) {
            ASSERT_EQ(m.hart.x(x), 0x01010101 * x) << std::hex << half;
        }
    }
}

TEST_F(Rv32Compressed, LinkRegistersPointBehindTwoBytes) {
    Machine m;
    m.memory.put16(kBase, 0x2009);  // c.jal .+2
    ASSERT_EQ(m.hart.step(), Outcome::kRetired);
    EXPECT_EQ(m.hart.x(1), kBase + 2);
    EXPECT_EQ(m.hart.pc(), kBase + 2);
    m.hart.set_x(5, 0x4001);
    m.memory.put16(kBase + 2, 0x9282);  // c.jalr t0
    ASSERT_EQ(m.hart.step(), Outcome::kRetired);
    EXPECT_EQ(m.hart.x(1), kBase + 4);
    EXPECT_EQ(m.hart.pc(), 0x4000u);
}

}  // namespace
}  // namespace skald::card::rv32::test
