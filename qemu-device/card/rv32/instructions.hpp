// SPDX-License-Identifier: MIT
// The 32-bit instructions of RV32IM_Zicsr and the machine-mode ones: a table from encodings to what
// they do.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "card/rv32/trap.hpp"

namespace skald::card::rv32 {

class Hart;

// One instruction on its way through the hart.
struct Step {
    Hart& hart;
    std::uint32_t raw;
    std::uint32_t pc;
    std::uint32_t next;   // pc of the instruction after this one
    std::uint32_t a = 0;  // value of rs1
    std::uint32_t b = 0;  // value of rs2
    std::uint32_t imm = 0;
    std::uint32_t d = 0;  // result for rd
    bool trapped = false;
    Trap trap_info{};

    void jump(std::uint32_t target) { next = target; }
    void trap(Cause cause, std::uint32_t value);
    void illegal() { trap(Cause::kIllegal, raw); }
    template <class T>
    void load();
    template <class T>
    void store();
    // CSR access of Zicsr: d gets the old value; `value` is written if `writes`.
    void csr(bool writes, std::uint32_t (*combine)(std::uint32_t old, std::uint32_t operand),
             std::uint32_t operand);
};

// Which operands an instruction has; only kR, kI, kU and kJ write rd.
enum class Format : std::uint8_t { kNone, kR, kI, kS, kB, kU, kJ };

struct Instruction {
    std::string_view name;
    Format format;
    std::uint32_t mask;
    std::uint32_t match;
    void (*run)(Step& s);
};

[[nodiscard]] std::span<const Instruction> instructions();

// Null for an illegal one.
[[nodiscard]] const Instruction* decode(std::uint32_t raw);

}  // namespace skald::card::rv32
