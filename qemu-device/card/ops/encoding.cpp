// SPDX-License-Identifier: MIT
// Follows the micro-op table of skald/isa.hpp; what the table cannot say is in the functions named
// after the micro-ops.
#include "card/ops/encoding.hpp"

#include <cstring>

namespace skald::card {
namespace {

using isa::MicroOp;
using isa::Opcode;
using isa::Operand;

// Row operands may have a pitch; these are a single row or found by index.
bool takes_pitch(Opcode opcode, std::size_t operand) {
    switch (opcode) {
        case Opcode::Copy:
        case Opcode::GatherRows:
        case Opcode::Quant:
        case Opcode::Dequant:
        case Opcode::Add:
        case Opcode::Glu:
        case Opcode::Rope:
        case Opcode::ArgMax:
        case Opcode::LogProb:
            return true;
        case Opcode::Gather:
        case Opcode::RowStep:
            return operand != 1;
        case Opcode::KvAppend:
            return operand != 2;
        case Opcode::MatMul:
            return operand != 1 && operand != 3;
        case Opcode::RmsNorm:
            return operand != 1;
        case Opcode::Attention:
            return operand != 1;
        case Opcode::Sample:
            return operand != 1;
        case Opcode::TokenOut:
            return operand == 0 || operand == 3;
        default:
            return false;
    }
}

bool zero(const Operand& operand) {
    static constexpr Operand kZero{};
    return std::memcmp(&operand, &kZero, sizeof(operand)) == 0;
}

bool flag(const MicroOp& op, std::uint8_t bit) {
    return (op.flags & bit) != 0;
}

bool within(std::uint32_t value, std::uint32_t limit) {
    return value >= 1 && value <= limit;
}

bool weight_format(std::uint8_t fmt) {
    return isa::find_weight(fmt) != nullptr;
}

bool end(const MicroOp& op) {
    return within(op.aux, 2) && (op.imm & (1ull << 63 | 1ull)) == 0;
}

bool alu(const MicroOp& op) {
    if (!within(op.aux, static_cast<unsigned>(isa::AluOp::Max)))
        return false;
    if (static_cast<isa::AluOp>(op.aux) == isa::AluOp::Mov && op.ra != 0)
        return false;
    return flag(op, isa::kFlagImm) ? op.rb == 0 : op.imm == 0;
}

bool branch(const MicroOp& op) {
    if (!within(op.aux, static_cast<unsigned>(isa::Condition::AboveEqual)))
        return false;
    if (static_cast<isa::Condition>(op.aux) == isa::Condition::Always)
        return op.ra == 0 && op.rb == 0 && op.imm == 0 && op.flags == 0;
    return flag(op, isa::kFlagImm) ? op.rb == 0 : op.imm == 0;
}

bool semaphore(const MicroOp& op) {
    const bool wait = static_cast<Opcode>(op.opcode) == Opcode::SemWait;
    const bool known = wait ? op.aux == static_cast<unsigned>(isa::Condition::Equal) ||
                                  op.aux == static_cast<unsigned>(isa::Condition::AboveEqual)
                            : within(op.aux, static_cast<unsigned>(isa::SignalOp::Add));
    return known && (flag(op, isa::kFlagImm) ? op.ra == 0 : op.imm == 0);
}

bool kv_format(const MicroOp& op, std::uint32_t kv_heads, std::uint32_t head_dim) {
    const bool i8 = op.fmt == static_cast<std::uint8_t>(isa::KvFormat::I8);
    return (i8 || op.fmt == static_cast<std::uint8_t>(isa::KvFormat::F16)) &&
           within(kv_heads, isa::kMaxHeads) && within(head_dim, isa::kMaxHeadDim) &&
           head_dim % (i8 ? 4 : 2) == 0 && op.dim[3] != 0 && op.dim[3] % 64 == 0;
}

bool attention(const MicroOp& op) {
    return within(op.dim[0], isa::kMaxHeads) && kv_format(op, op.dim[1], op.dim[2]) &&
           op.dim[0] % op.dim[1] == 0 && op.op[4].pitch != 0;
}

bool kv_append(const MicroOp& op) {
    return op.dim[1] == 0 && kv_format(op, op.dim[0], op.dim[2]) && op.op[4].pitch != 0;
}

bool rope(const MicroOp& op) {
    return within(op.dim[0], isa::kMaxHeads) && within(op.dim[1], isa::kMaxHeadDim) &&
           op.dim[1] % 2 == 0 && within(op.dim[2], op.dim[1]) && op.dim[2] % 2 == 0 &&
           op.dim[3] != 0;
}

bool matmul(const MicroOp& op) {
    if (!weight_format(op.fmt) || !within(op.dim[0], isa::kMaxN) || !within(op.dim[1], isa::kMaxK))
        return false;
    const bool quantised = flag(op, isa::kFlagXQ8);
    if (quantised && !isa::find_weight(op.fmt)->integer)
        return false;
    if (!flag(op, isa::kFlagBias) && !zero(op.op[3]))
        return false;
    return quantised || (zero(op.op[4]) && zero(op.op[5]));
}

// Everything that is particular to one opcode.
bool particulars(const MicroOp& op) {
    switch (static_cast<Opcode>(op.opcode)) {
        case Opcode::End:
            return end(op);
        case Opcode::Alu:
            return alu(op);
        case Opcode::Load:
        case Opcode::Store:
            return within(op.fmt, 2);
        case Opcode::Branch:
            return branch(op);
        case Opcode::SemWait:
        case Opcode::SemSignal:
            return semaphore(op);
        case Opcode::Copy:
            return op.dim[0] != 0;
        case Opcode::Gather:
            return weight_format(op.fmt) && within(op.dim[0], isa::kMaxN) &&
                   within(op.dim[1], isa::kMaxK);
        case Opcode::GatherRows:
            return op.dim[0] != 0 && op.dim[0] % 4 == 0;
        case Opcode::KvAppend:
            return kv_append(op);
        case Opcode::RowStep:
            return op.imm >> 32 == 0 && (flag(op, isa::kFlagSequences) || zero(op.op[1]));
        case Opcode::MatMul:
            return matmul(op);
        case Opcode::Quant:
        case Opcode::Dequant:
            return within(op.dim[0], isa::kMaxK) &&
                   op.fmt <= static_cast<std::uint8_t>(isa::QuantGroup::Row);
        case Opcode::RmsNorm:
        case Opcode::Add:
            return within(op.dim[0], isa::kMaxK) &&
                   (static_cast<Opcode>(op.opcode) != Opcode::RmsNorm || op.imm >> 32 == 0);
        case Opcode::Glu:
            return within(op.dim[0], isa::kMaxK) &&
                   op.aux == static_cast<std::uint8_t>(isa::Activation::Silu);
        case Opcode::Rope:
            return rope(op);
        case Opcode::Attention:
            return attention(op);
        case Opcode::ArgMax:
        case Opcode::LogProb:
            return within(op.dim[0], isa::kMaxN);
        case Opcode::Sample:
            return within(op.dim[0], isa::kMaxN) && op.dim[1] != 0;
        default:
            return true;
    }
}

}  // namespace

skald_fault_reason check_encoding(const MicroOp& op) {
    const isa::OpInfo* info = isa::find_op(op.opcode);
    if (info == nullptr)
        return SKALD_FAULT_OPCODE;
    const auto field = [&](unsigned use, std::uint64_t value, std::uint64_t limit) {
        return (info->uses & use) != 0 ? value <= limit : value == 0;
    };
    constexpr std::uint64_t kAny = ~0ull;
    bool good = (op.flags & ~info->flags) == 0 && field(isa::kUseRd, op.rd, isa::kRegisters - 1) &&
                field(isa::kUseRa, op.ra, isa::kRegisters - 1) &&
                field(isa::kUseRb, op.rb, isa::kRegisters - 1) &&
                field(isa::kUseRows, op.rows, isa::kRegisters - 1) &&
                field(isa::kUseImm, op.imm, kAny) && field(isa::kUseFmt, op.fmt, kAny) &&
                field(isa::kUseAux, op.aux, kAny);
    for (std::size_t i = info->dims; i < isa::kDims; ++i)
        good &= op.dim[i] == 0;
    for (std::size_t i = 0; i < isa::kOperands; ++i) {
        const Operand& operand = op.op[i];
        if (info->role[i] == isa::Role::None)
            good &= zero(operand);
        else
            good &= operand.base < isa::kRegisters && operand.index < isa::kRegisters &&
                    (operand.pitch == 0 || takes_pitch(info->opcode, i));
    }
    return good && particulars(op) ? SKALD_FAULT_NONE : SKALD_FAULT_ENCODING;
}

}  // namespace skald::card
