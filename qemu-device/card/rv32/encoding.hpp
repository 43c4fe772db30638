// SPDX-License-Identifier: MIT
// Instruction formats of RV32: taking immediates out of instructions and putting them in
// (unprivileged specification, "Base Instruction Formats" and "Immediate Encoding Variants").
#pragma once

#include <cstdint>

namespace skald::card::rv32 {

// Bits high..low of v, moved down to bit 0.
constexpr std::uint32_t bits(std::uint32_t v, unsigned high, unsigned low) {
    return (v >> low) & ((2u << (high - low)) - 1u);
}

// The low `width` bits of v as a signed number.
constexpr std::uint32_t sign_extend(std::uint32_t v, unsigned width) {
    const std::uint32_t sign = 1u << (width - 1);
    return ((v & ((sign << 1) - 1u)) ^ sign) - sign;
}

constexpr std::uint32_t rd_of(std::uint32_t i) {
    return bits(i, 11, 7);
}
constexpr std::uint32_t rs1_of(std::uint32_t i) {
    return bits(i, 19, 15);
}
constexpr std::uint32_t rs2_of(std::uint32_t i) {
    return bits(i, 24, 20);
}

constexpr std::uint32_t imm_i(std::uint32_t i) {
    return sign_extend(i >> 20, 12);
}
constexpr std::uint32_t imm_s(std::uint32_t i) {
    return sign_extend(bits(i, 31, 25) << 5 | bits(i, 11, 7), 12);
}
constexpr std::uint32_t imm_b(std::uint32_t i) {
    return sign_extend(
        bits(i, 31, 31) << 12 | bits(i, 7, 7) << 11 | bits(i, 30, 25) << 5 | bits(i, 11, 8) << 1,
        13);
}
constexpr std::uint32_t imm_u(std::uint32_t i) {
    return i & 0xfffff000u;
}
constexpr std::uint32_t imm_j(std::uint32_t i) {
    return sign_extend(bits(i, 31, 31) << 20 | bits(i, 19, 12) << 12 | bits(i, 20, 20) << 11 |
                           bits(i, 30, 21) << 1,
                       21);
}

constexpr std::uint32_t encode_r(std::uint32_t funct7, std::uint32_t rs2, std::uint32_t rs1,
                                 std::uint32_t funct3, std::uint32_t rd, std::uint32_t opcode) {
    return funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode;
}
constexpr std::uint32_t encode_i(std::uint32_t imm, std::uint32_t rs1, std::uint32_t funct3,
                                 std::uint32_t rd, std::uint32_t opcode) {
    return (imm & 0xfffu) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode;
}
constexpr std::uint32_t encode_s(std::uint32_t imm, std::uint32_t rs2, std::uint32_t rs1,
                                 std::uint32_t funct3, std::uint32_t opcode) {
    return bits(imm, 11, 5) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | bits(imm, 4, 0) << 7 |
           opcode;
}
constexpr std::uint32_t encode_b(std::uint32_t imm, std::uint32_t rs2, std::uint32_t rs1,
                                 std::uint32_t funct3, std::uint32_t opcode) {
    return bits(imm, 12, 12) << 31 | bits(imm, 10, 5) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 |
           bits(imm, 4, 1) << 8 | bits(imm, 11, 11) << 7 | opcode;
}
constexpr std::uint32_t encode_j(std::uint32_t imm, std::uint32_t rd, std::uint32_t opcode) {
    return bits(imm, 20, 20) << 31 | bits(imm, 10, 1) << 21 | bits(imm, 11, 11) << 20 |
           bits(imm, 19, 12) << 12 | rd << 7 | opcode;
}

}  // namespace skald::card::rv32
