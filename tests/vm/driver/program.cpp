// SPDX-License-Identifier: MIT
// Encodings of the micro-ops that tests of the driver use.
#include "program.hpp"

namespace skald::test {
namespace {

isa::MicroOp op_of(isa::Opcode opcode) {
    isa::MicroOp op;
    op.opcode = static_cast<std::uint8_t>(opcode);
    return op;
}

isa::Operand at(std::uint64_t va) {
    isa::Operand operand;
    operand.offset = va;
    return operand;
}

}  // namespace

Program& Program::raw(const isa::MicroOp& op) {
    ops_.push_back(op);
    return *this;
}

Program& Program::set(std::uint8_t rd, std::uint64_t value) {
    isa::MicroOp op = op_of(isa::Opcode::Alu);
    op.aux = static_cast<std::uint8_t>(isa::AluOp::Mov);
    op.flags = isa::kFlagImm;
    op.rd = rd;
    op.imm = value;
    return raw(op);
}

Program& Program::store(std::uint64_t va, std::uint8_t ra) {
    isa::MicroOp op = op_of(isa::Opcode::Store);
    op.fmt = static_cast<std::uint8_t>(isa::Width::U64);
    op.ra = ra;
    op.op[0] = at(va);
    return raw(op);
}

Program& Program::load(std::uint8_t rd, std::uint64_t va) {
    isa::MicroOp op = op_of(isa::Opcode::Load);
    op.fmt = static_cast<std::uint8_t>(isa::Width::U64);
    op.rd = rd;
    op.op[0] = at(va);
    return raw(op);
}

Program& Program::jump(std::uint32_t target) {
    isa::MicroOp op = op_of(isa::Opcode::Branch);
    op.aux = static_cast<std::uint8_t>(isa::Condition::Always);
    op.dim[0] = target;
    return raw(op);
}

Program& Program::wait_semaphore(std::uint64_t va, std::uint64_t value) {
    isa::MicroOp op = op_of(isa::Opcode::SemWait);
    op.aux = static_cast<std::uint8_t>(isa::Condition::AboveEqual);
    op.flags = isa::kFlagImm;
    op.imm = value;
    op.op[0] = at(va);
    return raw(op);
}

Program& Program::signal_semaphore(std::uint64_t va, std::uint64_t value) {
    isa::MicroOp op = op_of(isa::Opcode::SemSignal);
    op.aux = static_cast<std::uint8_t>(isa::SignalOp::Set);
    op.flags = isa::kFlagImm;
    op.imm = value;
    op.op[0] = at(va);
    return raw(op);
}

Program& Program::copy(std::uint64_t dst, std::uint64_t src, std::uint32_t bytes) {
    set(1, 1);
    isa::MicroOp op = op_of(isa::Opcode::Copy);
    op.rows = 1;
    op.dim[0] = bytes;
    op.op[0] = at(dst);
    op.op[1] = at(src);
    return raw(op);
}

Program& Program::token_out(std::uint64_t tokens, std::uint64_t sequences, std::uint64_t ring,
                            std::uint64_t rows) {
    set(1, 1);
    isa::MicroOp op = op_of(isa::Opcode::TokenOut);
    op.rows = 1;
    op.rd = 2;
    op.ra = 3;
    op.rb = 4;
    op.op[0] = at(tokens);
    op.op[1] = at(sequences);
    op.op[2] = at(ring);
    op.op[3] = at(rows);
    return raw(op);
}

Program& Program::budget(std::uint32_t target) {
    isa::MicroOp op = op_of(isa::Opcode::Budget);
    op.dim[0] = target;
    return raw(op);
}

Program& Program::end(isa::EndStatus status) {
    isa::MicroOp op = op_of(isa::Opcode::End);
    op.aux = static_cast<std::uint8_t>(status);
    return raw(op);
}

}  // namespace skald::test
