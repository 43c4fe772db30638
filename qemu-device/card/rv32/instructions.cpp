// SPDX-License-Identifier: MIT
// Each instruction once: name, format, encoding, meaning. Decoding looks in a bucket made from
// opcode and funct3.
#include "card/rv32/instructions.hpp"

#include <array>
#include <type_traits>
#include <vector>

#include "card/rv32/encoding.hpp"
#include "card/rv32/hart.hpp"

namespace skald::card::rv32 {
namespace {

using U = std::uint32_t;
using S = std::int32_t;
using enum Format;

constexpr S sgn(U v) {
    return static_cast<S>(v);
}

constexpr U mulhu(U a, U b) {
    return static_cast<U>((std::uint64_t{a} * b) >> 32);
}
constexpr U mulh(U a, U b) {
    return static_cast<U>(static_cast<std::uint64_t>(std::int64_t{sgn(a)} * sgn(b)) >> 32);
}
constexpr U mulhsu(U a, U b) {
    return static_cast<U>(
        static_cast<std::uint64_t>(std::int64_t{sgn(a)} * static_cast<std::int64_t>(b)) >> 32);
}
// Division never traps: by zero and the one overflow have defined results.
constexpr U div(U a, U b) {
    if (b == 0) {
        return ~0u;
    }
    return a == 0x80000000u && b == ~0u ? a : static_cast<U>(sgn(a) / sgn(b));
}
constexpr U rem(U a, U b) {
    if (b == 0) {
        return a;
    }
    return a == 0x80000000u && b == ~0u ? 0 : static_cast<U>(sgn(a) % sgn(b));
}

constexpr U swap(U, U operand) {
    return operand;
}
constexpr U set(U old, U operand) {
    return old | operand;
}
constexpr U clear(U old, U operand) {
    return old & ~operand;
}

constexpr U kFunct3 = 0x0000707f;  // opcode and funct3
constexpr U kFunct7 = 0xfe00707f;  // and funct7
constexpr U kOpcode = 0x0000007f;
constexpr U kAll = 0xffffffff;

constexpr Instruction kTable[] = {
    // RV32I
    {"lui", kU, kOpcode, 0x37, [](Step& s) { s.d = s.imm; }},
    {"auipc", kU, kOpcode, 0x17, [](Step& s) { s.d = s.pc + s.imm; }},
    {"jal", kJ, kOpcode, 0x6f,
     [](Step& s) {
         s.d = s.next;
         s.jump(s.pc + s.imm);
     }},
    {"jalr", kI, kFunct3, 0x0067,
     [](Step& s) {
         s.d = s.next;
         s.jump((s.a + s.imm) & ~1u);
     }},
    {"beq", kB, kFunct3, 0x0063,
     [](Step& s) {
         if (s.a == s.b)
             s.jump(s.pc + s.imm);
     }},
    {"bne", kB, kFunct3, 0x1063,
     [](Step& s) {
         if (s.a != s.b)
             s.jump(s.pc + s.imm);
     }},
    {"blt", kB, kFunct3, 0x4063,
     [](Step& s) {
         if (sgn(s.a) < sgn(s.b))
             s.jump(s.pc + s.imm);
     }},
    {"bge", kB, kFunct3, 0x5063,
     [](Step& s) {
         if (sgn(s.a) >= sgn(s.b))
             s.jump(s.pc + s.imm);
     }},
    {"bltu", kB, kFunct3, 0x6063,
     [](Step& s) {
         if (s.a < s.b)
             s.jump(s.pc + s.imm);
     }},
    {"bgeu", kB, kFunct3, 0x7063,
     [](Step& s) {
         if (s.a >= s.b)
             s.jump(s.pc + s.imm);
     }},
    {"lb", kI, kFunct3, 0x0003, [](Step& s) { s.load<std::int8_t>(); }},
    {"lh", kI, kFunct3, 0x1003, [](Step& s) { s.load<std::int16_t>(); }},
    {"lw", kI, kFunct3, 0x2003, [](Step& s) { s.load<std::int32_t>(); }},
    {"lbu", kI, kFunct3, 0x4003, [](Step& s) { s.load<std::uint8_t>(); }},
    {"lhu", kI, kFunct3, 0x5003, [](Step& s) { s.load<std::uint16_t>(); }},
    {"sb", kS, kFunct3, 0x0023, [](Step& s) { s.store<std::uint8_t>(); }},
    {"sh", kS, kFunct3, 0x1023, [](Step& s) { s.store<std::uint16_t>(); }},
    {"sw", kS, kFunct3, 0x2023, [](Step& s) { s.store<std::uint32_t>(); }},
    {"addi", kI, kFunct3, 0x0013, [](Step& s) { s.d = s.a + s.imm; }},
    {"slti", kI, kFunct3, 0x2013, [](Step& s) { s.d = sgn(s.a) < sgn(s.imm); }},
    {"sltiu", kI, kFunct3, 0x3013, [](Step& s) { s.d = s.a < s.imm; }},
    {"xori", kI, kFunct3, 0x4013, [](Step& s) { s.d = s.a ^ s.imm; }},
    {"ori", kI, kFunct3, 0x6013, [](Step& s) { s.d = s.a | s.imm; }},
    {"andi", kI, kFunct3, 0x7013, [](Step& s) { s.d = s.a & s.imm; }},
    {"slli", kI, kFunct7, 0x00001013, [](Step& s) { s.d = s.a << (s.imm & 31); }},
    {"srli", kI, kFunct7, 0x00005013, [](Step& s) { s.d = s.a >> (s.imm & 31); }},
    {"srai", kI, kFunct7, 0x40005013,
     [](Step& s) { s.d = static_cast<U>(sgn(s.a) >> (s.imm & 31)); }},
    {"add", kR, kFunct7, 0x00000033, [](Step& s) { s.d = s.a + s.b; }},
    {"sub", kR, kFunct7, 0x40000033, [](Step& s) { s.d = s.a - s.b; }},
    {"sll", kR, kFunct7, 0x00001033, [](Step& s) { s.d = s.a << (s.b & 31); }},
    {"slt", kR, kFunct7, 0x00002033, [](Step& s) { s.d = sgn(s.a) < sgn(s.b); }},
    {"sltu", kR, kFunct7, 0x00003033, [](Step& s) { s.d = s.a < s.b; }},
    {"xor", kR, kFunct7, 0x00004033, [](Step& s) { s.d = s.a ^ s.b; }},
    {"srl", kR, kFunct7, 0x00005033, [](Step& s) { s.d = s.a >> (s.b & 31); }},
    {"sra", kR, kFunct7, 0x40005033, [](Step& s) { s.d = static_cast<U>(sgn(s.a) >> (s.b & 31)); }},
    {"or", kR, kFunct7, 0x00006033, [](Step& s) { s.d = s.a | s.b; }},
    {"and", kR, kFunct7, 0x00007033, [](Step& s) { s.d = s.a & s.b; }},
    // One hart that executes in order: every fence holds already.
    {"fence", kNone, kFunct3, 0x000f, [](Step&) {}},
    {"ecall", kNone, kAll, 0x00000073, [](Step& s) { s.trap(Cause::kEcall, 0); }},
    {"ebreak", kNone, kAll, 0x00100073, [](Step& s) { s.trap(Cause::kBreakpoint, s.pc); }},
    // M
    {"mul", kR, kFunct7, 0x02000033, [](Step& s) { s.d = s.a * s.b; }},
    {"mulh", kR, kFunct7, 0x02001033, [](Step& s) { s.d = mulh(s.a, s.b); }},
    {"mulhsu", kR, kFunct7, 0x02002033, [](Step& s) { s.d = mulhsu(s.a, s.b); }},
    {"mulhu", kR, kFunct7, 0x02003033, [](Step& s) { s.d = mulhu(s.a, s.b); }},
    {"div", kR, kFunct7, 0x02004033, [](Step& s) { s.d = div(s.a, s.b); }},
    {"divu", kR, kFunct7, 0x02005033, [](Step& s) { s.d = s.b ? s.a / s.b : ~0u; }},
    {"rem", kR, kFunct7, 0x02006033, [](Step& s) { s.d = rem(s.a, s.b); }},
    {"remu", kR, kFunct7, 0x02007033, [](Step& s) { s.d = s.b ? s.a % s.b : s.a; }},
    // Zicsr; set and clear write only when the rs1 field is not 0
    {"csrrw", kI, kFunct3, 0x1073, [](Step& s) { s.csr(true, swap, s.a); }},
    {"csrrs", kI, kFunct3, 0x2073, [](Step& s) { s.csr(rs1_of(s.raw) != 0, set, s.a); }},
    {"csrrc", kI, kFunct3, 0x3073, [](Step& s) { s.csr(rs1_of(s.raw) != 0, clear, s.a); }},
    {"csrrwi", kI, kFunct3, 0x5073, [](Step& s) { s.csr(true, swap, rs1_of(s.raw)); }},
    {"csrrsi", kI, kFunct3, 0x6073, [](Step& s) { s.csr(rs1_of(s.raw) != 0, set, rs1_of(s.raw)); }},
    {"csrrci", kI, kFunct3, 0x7073,
     [](Step& s) { s.csr(rs1_of(s.raw) != 0, clear, rs1_of(s.raw)); }},
    // Machine mode
    {"mret", kNone, kAll, 0x30200073, [](Step& s) { s.jump(s.hart.return_from_trap()); }},
    {"wfi", kNone, kAll, 0x10500073, [](Step& s) { s.hart.wait_for_interrupt(); }},
};

constexpr std::size_t bucket(U raw) {
    return bits(raw, 6, 2) << 3 | bits(raw, 14, 12);
}

struct Buckets {
    std::array<std::vector<const Instruction*>, 256> lists;
    Buckets() {
        for (const Instruction& instruction : kTable) {
            for (U funct3 = 0; funct3 < 8; ++funct3) {
                const U probe = (instruction.match & 0x7f) | funct3 << 12;
                const U known = instruction.mask & kFunct3;
                if ((probe & known) == (instruction.match & known)) {
                    lists[bucket(probe)].push_back(&instruction);
                }
            }
        }
    }
};

}  // namespace

std::span<const Instruction> instructions() {
    return kTable;
}

const Instruction* decode(std::uint32_t raw) {
    static const Buckets buckets;
    for (const Instruction* instruction : buckets.lists[bucket(raw)]) {
        if ((raw & instruction->mask) == instruction->match) {
            return instruction;
        }
    }
    return nullptr;
}

void Step::trap(Cause cause, std::uint32_t value) {
    trapped = true;
    trap_info = {static_cast<U>(cause), pc, value};
}

template <class T>
void Step::load() {
    const U address = a + imm;
    U value = 0;
    if (address % sizeof(T) != 0) {
        trap(Cause::kLoadMisaligned, address);
    } else if (!hart.bus().load(address, sizeof(T), value)) {
        trap(Cause::kLoadAccess, address);
    } else {
        d = std::is_signed_v<T> ? sign_extend(value, 8 * sizeof(T)) : value;
    }
}

template <class T>
void Step::store() {
    const U address = a + imm;
    if (address % sizeof(T) != 0) {
        trap(Cause::kStoreMisaligned, address);
    } else if (!hart.bus().store(address, sizeof(T), static_cast<T>(b))) {
        trap(Cause::kStoreAccess, address);
    }
}

void Step::csr(bool writes, U (*combine)(U, U), U operand) {
    const U number = raw >> 20;
    U old = 0;
    if (!hart.csrs().read(number, hart.lines(), old) ||
        (writes && !hart.csrs().write(number, combine(old, operand)))) {
        illegal();
        return;
    }
    d = old;
}

}  // namespace skald::card::rv32
