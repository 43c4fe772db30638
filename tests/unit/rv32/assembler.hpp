// SPDX-License-Identifier: MIT
// Makes instruction words by name, from the formats alone; encoding_test.cpp checks all of them
// against GNU as.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string_view>

#include "card/rv32/encoding.hpp"
#include "card/rv32/instructions.hpp"

namespace skald::card::rv32::test {

using U = std::uint32_t;

inline U match_of(std::string_view name) {
    for (const Instruction& instruction : instructions()) {
        if (instruction.name == name) {
            return instruction.match;
        }
    }
    ADD_FAILURE() << "no instruction " << name;
    return 0;
}

// The operands go into fields that are zero in `match`.
inline U r(std::string_view name, U rd, U rs1, U rs2) {
    return match_of(name) | encode_r(0, rs2, rs1, 0, rd, 0);
}
inline U i(std::string_view name, U rd, U rs1, std::int32_t imm) {
    return match_of(name) | encode_i(static_cast<U>(imm), rs1, 0, rd, 0);
}
inline U s(std::string_view name, U rs2, U rs1, std::int32_t imm) {
    return match_of(name) | encode_s(static_cast<U>(imm), rs2, rs1, 0, 0);
}
inline U b(std::string_view name, U rs1, U rs2, std::int32_t offset) {
    return match_of(name) | encode_b(static_cast<U>(offset), rs2, rs1, 0, 0);
}
inline U u(std::string_view name, U rd, U imm20) {
    return match_of(name) | imm20 << 12 | rd << 7;
}
inline U j(std::string_view name, U rd, std::int32_t offset) {
    return match_of(name) | encode_j(static_cast<U>(offset), rd, 0);
}
inline U csr(std::string_view name, U rd, U number, U rs1_or_imm) {
    return match_of(name) | number << 20 | rs1_or_imm << 15 | rd << 7;
}
inline U plain(std::string_view name) {
    return match_of(name);
}

}  // namespace skald::card::rv32::test
