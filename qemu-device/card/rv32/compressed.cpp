// SPDX-License-Identifier: MIT
// Every RV32C form once, with the instruction it expands to (unprivileged specification, "C"
// extension). Hints expand to instructions that write x0, so they do nothing. Encodings of F, D and
// RV64 are not listed.
#include "card/rv32/compressed.hpp"

#include <array>
#include <vector>

#include "card/rv32/encoding.hpp"

namespace skald::card::rv32 {
namespace {

using U = std::uint32_t;

constexpr U kLoad = 0x03, kOpImm = 0x13, kStore = 0x23, kOp = 0x33, kLui = 0x37, kBranch = 0x63,
            kJalr = 0x67, kJal = 0x6f, kEbreak = 0x00100073;
constexpr U kRa = 1, kSp = 2;
constexpr U kReserved = 0;

constexpr U rd(U h) {
    return bits(h, 11, 7);
}
constexpr U rs2(U h) {
    return bits(h, 6, 2);
}
constexpr U rd_short(U h) {
    return 8 + bits(h, 4, 2);
}  // x8..x15, also rs2'
constexpr U rs1_short(U h) {
    return 8 + bits(h, 9, 7);
}  // also rd' of the arithmetic forms

constexpr U imm6(U h) {
    return sign_extend(bits(h, 12, 12) << 5 | bits(h, 6, 2), 6);
}
constexpr U imm_addi4spn(U h) {
    return bits(h, 10, 7) << 6 | bits(h, 12, 11) << 4 | bits(h, 5, 5) << 3 | bits(h, 6, 6) << 2;
}
constexpr U imm_addi16sp(U h) {
    return sign_extend(bits(h, 12, 12) << 9 | bits(h, 4, 3) << 7 | bits(h, 5, 5) << 6 |
                           bits(h, 2, 2) << 5 | bits(h, 6, 6) << 4,
                       10);
}
constexpr U imm_lw(U h) {
    return bits(h, 5, 5) << 6 | bits(h, 12, 10) << 3 | bits(h, 6, 6) << 2;
}
constexpr U imm_lwsp(U h) {
    return bits(h, 3, 2) << 6 | bits(h, 12, 12) << 5 | bits(h, 6, 4) << 2;
}
constexpr U imm_swsp(U h) {
    return bits(h, 8, 7) << 6 | bits(h, 12, 9) << 2;
}
constexpr U imm_jump(U h) {
    return sign_extend(bits(h, 12, 12) << 11 | bits(h, 8, 8) << 10 | bits(h, 10, 9) << 8 |
                           bits(h, 6, 6) << 7 | bits(h, 7, 7) << 6 | bits(h, 2, 2) << 5 |
                           bits(h, 11, 11) << 4 | bits(h, 5, 3) << 1,
                       12);
}
constexpr U imm_branch(U h) {
    return sign_extend(bits(h, 12, 12) << 8 | bits(h, 6, 5) << 6 | bits(h, 2, 2) << 5 |
                           bits(h, 11, 10) << 3 | bits(h, 4, 3) << 1,
                       9);
}
constexpr U arith(U h, U funct7, U funct3) {
    return encode_r(funct7, rd_short(h), rs1_short(h), funct3, rs1_short(h), kOp);
}

constexpr CompressedForm kForms[] = {
    // Quadrant 0
    {"c.addi4spn", 0xe003, 0x0000,
     [](U h) {
         return imm_addi4spn(h) ? encode_i(imm_addi4spn(h), kSp, 0, rd_short(h), kOpImm)
                                : kReserved;
     }},
    {"c.lw", 0xe003, 0x4000,
     [](U h) { return encode_i(imm_lw(h), rs1_short(h), 2, rd_short(h), kLoad); }},
    {"c.sw", 0xe003, 0xc000,
     [](U h) { return encode_s(imm_lw(h), rd_short(h), rs1_short(h), 2, kStore); }},
    // Quadrant 1
    {"c.addi", 0xe003, 0x0001, [](U h) { return encode_i(imm6(h), rd(h), 0, rd(h), kOpImm); }},
    {"c.jal", 0xe003, 0x2001, [](U h) { return encode_j(imm_jump(h), kRa, kJal); }},
    {"c.li", 0xe003, 0x4001, [](U h) { return encode_i(imm6(h), 0, 0, rd(h), kOpImm); }},
    {"c.addi16sp", 0xef83, 0x6101,
     [](U h) {
         return imm_addi16sp(h) ? encode_i(imm_addi16sp(h), kSp, 0, kSp, kOpImm) : kReserved;
     }},
    {"c.lui", 0xe003, 0x6001,
     [](U h) { return imm6(h) ? (imm6(h) << 12 | rd(h) << 7 | kLui) : kReserved; }},
    {"c.srli", 0xfc03, 0x8001,
     [](U h) { return encode_i(rs2(h), rs1_short(h), 5, rs1_short(h), kOpImm); }},
    {"c.srai", 0xfc03, 0x8401,
     [](U h) { return encode_i(0x400 | rs2(h), rs1_short(h), 5, rs1_short(h), kOpImm); }},
    {"c.andi", 0xec03, 0x8801,
     [](U h) { return encode_i(imm6(h), rs1_short(h), 7, rs1_short(h), kOpImm); }},
    {"c.sub", 0xfc63, 0x8c01, [](U h) { return arith(h, 0x20, 0); }},
    {"c.xor", 0xfc63, 0x8c21, [](U h) { return arith(h, 0, 4); }},
    {"c.or", 0xfc63, 0x8c41, [](U h) { return arith(h, 0, 6); }},
    {"c.and", 0xfc63, 0x8c61, [](U h) { return arith(h, 0, 7); }},
    {"c.j", 0xe003, 0xa001, [](U h) { return encode_j(imm_jump(h), 0, kJal); }},
    {"c.beqz", 0xe003, 0xc001,
     [](U h) { return encode_b(imm_branch(h), 0, rs1_short(h), 0, kBranch); }},
    {"c.bnez", 0xe003, 0xe001,
     [](U h) { return encode_b(imm_branch(h), 0, rs1_short(h), 1, kBranch); }},
    // Quadrant 2; shift amounts of 32 and more (bit 12) are not RV32's
    {"c.slli", 0xf003, 0x0002, [](U h) { return encode_i(rs2(h), rd(h), 1, rd(h), kOpImm); }},
    {"c.lwsp", 0xe003, 0x4002,
     [](U h) { return rd(h) ? encode_i(imm_lwsp(h), kSp, 2, rd(h), kLoad) : kReserved; }},
    {"c.jr", 0xf07f, 0x8002,
     [](U h) { return rd(h) ? encode_i(0, rd(h), 0, 0, kJalr) : kReserved; }},
    {"c.mv", 0xf003, 0x8002, [](U h) { return encode_r(0, rs2(h), 0, 0, rd(h), kOp); }},
    {"c.ebreak", 0xffff, 0x9002, [](U) { return kEbreak; }},
    {"c.jalr", 0xf07f, 0x9002, [](U h) { return encode_i(0, rd(h), 0, kRa, kJalr); }},
    {"c.add", 0xf003, 0x9002, [](U h) { return encode_r(0, rs2(h), rd(h), 0, rd(h), kOp); }},
    {"c.swsp", 0xe003, 0xc002, [](U h) { return encode_s(imm_swsp(h), rs2(h), kSp, 2, kStore); }},
};

constexpr std::size_t bucket(U half) {
    return (half & 3u) | (half >> 13) << 2;
}

// Forms by quadrant and top three bits; within a bucket the first match wins, so special cases
// stand first above.
struct Buckets {
    std::array<std::vector<const CompressedForm*>, 32> lists;
    Buckets() {
        for (const CompressedForm& form : kForms) {
            lists[bucket(form.match)].push_back(&form);
        }
    }
};

}  // namespace

std::span<const CompressedForm> compressed_forms() {
    return kForms;
}

std::uint32_t expand(std::uint16_t half) {
    static const Buckets buckets;
    for (const CompressedForm* form : buckets.lists[bucket(half)]) {
        if ((half & form->mask) == form->match) {
            return form->expand(half);
        }
    }
    return kReserved;
}

}  // namespace skald::card::rv32
