// SPDX-License-Identifier: MIT
#include "backend/assembler.hpp"

#include "error.hpp"

namespace skald::compiler {
namespace {

using isa::MicroOp;
using isa::Opcode;

constexpr std::size_t kUnbound = static_cast<std::size_t>(-1);

MicroOp op_of(Opcode opcode) {
    MicroOp op;
    op.opcode = static_cast<std::uint8_t>(opcode);
    return op;
}

}  // namespace

Assembler::Label Assembler::new_label() {
    labels_.push_back(kUnbound);
    return {labels_.size() - 1};
}

void Assembler::bind(Label label) {
    labels_[label.index] = ops_.size();
}

MicroOp& Assembler::emit(MicroOp op) {
    ops_.push_back(op);
    return ops_.back();
}

void Assembler::move(std::uint8_t rd, std::uint64_t value) {
    alu(isa::AluOp::Mov, rd, isa::kRegZero, value);
}

void Assembler::copy(std::uint8_t rd, std::uint8_t from) {
    alu_reg(isa::AluOp::Mov, rd, isa::kRegZero, from);
}

void Assembler::alu(isa::AluOp which, std::uint8_t rd, std::uint8_t ra, std::uint64_t value) {
    MicroOp op = op_of(Opcode::Alu);
    op.flags = isa::kFlagImm;
    op.aux = static_cast<std::uint8_t>(which);
    op.rd = rd;
    op.ra = ra;
    op.imm = value;
    emit(op);
}

void Assembler::alu_reg(isa::AluOp which, std::uint8_t rd, std::uint8_t ra, std::uint8_t rb) {
    MicroOp op = op_of(Opcode::Alu);
    op.aux = static_cast<std::uint8_t>(which);
    op.rd = rd;
    op.ra = ra;
    op.rb = rb;
    emit(op);
}

void Assembler::load(isa::Width width, std::uint8_t rd, isa::Operand address) {
    MicroOp op = op_of(Opcode::Load);
    op.fmt = static_cast<std::uint8_t>(width);
    op.rd = rd;
    op.op[0] = address;
    emit(op);
}

void Assembler::target(Label to) {
    fixups_.push_back({ops_.size() - 1, to.index});
}

void Assembler::jump(Label to) {
    MicroOp op = op_of(Opcode::Branch);
    op.aux = static_cast<std::uint8_t>(isa::Condition::Always);
    emit(op);
    target(to);
}

void Assembler::branch_if(isa::Condition condition, std::uint8_t ra, std::uint64_t value,
                          Label to) {
    MicroOp op = op_of(Opcode::Branch);
    op.flags = isa::kFlagImm;
    op.aux = static_cast<std::uint8_t>(condition);
    op.ra = ra;
    op.imm = value;
    emit(op);
    target(to);
}

void Assembler::loop(std::uint8_t counter, Label to) {
    MicroOp op = op_of(Opcode::Loop);
    op.rd = counter;
    emit(op);
    target(to);
}

void Assembler::budget(Label when_used_up) {
    emit(op_of(Opcode::Budget));
    target(when_used_up);
}

void Assembler::end(isa::EndStatus status, std::initializer_list<std::uint8_t> saved_registers) {
    MicroOp op = op_of(Opcode::End);
    op.aux = static_cast<std::uint8_t>(status);
    for (const std::uint8_t r : saved_registers)
        op.imm |= std::uint64_t{1} << r;
    emit(op);
}

std::vector<MicroOp> Assembler::finish() {
    for (const Fixup& fixup : fixups_) {
        const std::size_t target = labels_[fixup.label];
        if (target == kUnbound || target >= ops_.size())
            fail("internal error: micro-op {} branches to a place that is not there", fixup.op);
        ops_[fixup.op].dim[0] = static_cast<std::uint32_t>(target);
    }
    return std::move(ops_);
}

}  // namespace skald::compiler
