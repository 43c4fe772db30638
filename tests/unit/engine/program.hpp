// SPDX-License-Identifier: MIT
// Short ways to write control micro-ops.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "rig.hpp"

namespace skald::test {

using Program = std::vector<isa::MicroOp>;
using Registers = std::array<std::uint64_t, isa::kRegisters>;

inline isa::MicroOp end(isa::EndStatus status = isa::EndStatus::Done, std::uint64_t saved = 0) {
    auto op = make(isa::Opcode::End);
    op.aux = static_cast<std::uint8_t>(status);
    op.imm = saved;
    return op;
}
inline isa::MicroOp alu(isa::AluOp kind, std::uint8_t rd, std::uint8_t ra, std::uint64_t imm) {
    auto op = make(isa::Opcode::Alu);
    op.aux = static_cast<std::uint8_t>(kind);
    op.flags = isa::kFlagImm;
    op.rd = rd;
    op.ra = ra;
    op.imm = imm;
    return op;
}
inline isa::MicroOp alu_reg(isa::AluOp kind, std::uint8_t rd, std::uint8_t ra, std::uint8_t rb) {
    auto op = make(isa::Opcode::Alu);
    op.aux = static_cast<std::uint8_t>(kind);
    op.rd = rd;
    op.ra = ra;
    op.rb = rb;
    return op;
}
inline isa::MicroOp branch(isa::Condition condition, std::uint8_t ra, std::uint64_t imm,
                           std::uint32_t target) {
    auto op = make(isa::Opcode::Branch);
    op.aux = static_cast<std::uint8_t>(condition);
    op.dim[0] = target;
    if (condition == isa::Condition::Always)
        return op;
    op.flags = isa::kFlagImm;
    op.ra = ra;
    op.imm = imm;
    return op;
}
inline isa::MicroOp loop(std::uint8_t rd, std::uint32_t target) {
    auto op = make(isa::Opcode::Loop);
    op.rd = rd;
    op.dim[0] = target;
    return op;
}
inline isa::MicroOp sem_wait(std::uint64_t va, isa::Condition condition, std::uint64_t value) {
    auto op = make(isa::Opcode::SemWait);
    op.aux = static_cast<std::uint8_t>(condition);
    op.flags = isa::kFlagImm;
    op.imm = value;
    op.op[0] = at(va);
    return op;
}
inline isa::MicroOp sem_signal(std::uint64_t va, isa::SignalOp kind, std::uint64_t value) {
    auto op = make(isa::Opcode::SemSignal);
    op.aux = static_cast<std::uint8_t>(kind);
    op.flags = isa::kFlagImm;
    op.imm = value;
    op.op[0] = at(va);
    return op;
}

// A matmul that takes far longer than the cancel bound on the scalar path.
inline isa::MicroOp long_matmul(Rig& rig, std::uint32_t n, std::uint32_t k) {
    auto op = make(isa::Opcode::MatMul);
    op.fmt = static_cast<std::uint8_t>(isa::WeightFormat::I8B32);
    op.rows = 9;
    op.dim = {n, k};
    op.op[0] = at(rig.alloc(std::uint64_t{k} * 4 * 64));
    op.op[1] = at(rig.alloc(isa::matrix_bytes(isa::WeightFormat::I8B32, n, k)));
    op.op[2] = at(rig.alloc(std::uint64_t{n} * 4 * 64));
    return op;
}

}  // namespace skald::test
