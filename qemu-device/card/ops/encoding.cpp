// SPDX-License-Identifier: MIT
// Follows the micro-op table alone: what a row does not name is zero, what it names keeps to its
// limits.
#include "card/ops/encoding.hpp"

#include <cstring>

#include "skald/isa_table.hpp"

namespace skald::card {
namespace {

using isa::MicroOp;
using isa::OpInfo;

bool registers(const OpInfo& info, const MicroOp& op) {
    const unsigned used = isa::registers_of(info, op);
    const auto good = [&](unsigned use, std::uint8_t reg) {
        return (used & use) != 0 ? reg < isa::kRegisters : reg == 0;
    };
    return good(isa::kUseRd, op.rd) && good(isa::kUseRa, op.ra) && good(isa::kUseRb, op.rb) &&
           good(isa::kUseRows, op.rows);
}

bool choices(const OpInfo& info, const MicroOp& op) {
    const auto good = [&](std::span<const isa::Choice> choices, std::uint8_t value) {
        if (choices.empty())
            return value == 0;
        const isa::Choice* choice = isa::find_choice(choices, value);
        return choice != nullptr && (op.flags & choice->bars) == 0;
    };
    return isa::allows_flags(info, op.flags) && good(info.aux, op.aux) &&
           good(isa::formats(info.fmt), op.fmt);
}

bool dims(const OpInfo& info, const MicroOp& op) {
    std::uint32_t named[isa::kDims] = {};
    for (const isa::DimInfo& dim : info.dims) {
        if (!dim.when.holds(op))
            continue;
        named[dim.at] |= dim.bits();
        if (!dim.allows(dim.get(op)))
            return false;
    }
    for (std::size_t i = 0; i < isa::kDims; ++i)
        if ((op.dim[i] & ~named[i]) != 0)
            return false;
    return true;
}

bool immediate(const OpInfo& info, const MicroOp& op) {
    std::uint64_t named = 0;
    isa::each_imm(info, op, [&](const isa::ImmInfo& imm) { named |= imm.bits(); });
    return (op.imm & ~named) == 0;
}

bool operands(const OpInfo& info, const MicroOp& op) {
    static constexpr isa::Operand kZero{};
    for (std::size_t i = 0; i < isa::kOperands; ++i) {
        const isa::Operand& operand = op.op[i];
        const isa::OperandInfo* wanted = isa::operand_of(info, op, i);
        const bool good =
            wanted == nullptr
                ? std::memcmp(&operand, &kZero, sizeof(operand)) == 0
                : operand.base < isa::kRegisters && operand.index < isa::kRegisters &&
                      (operand.pitch == 0 ? !wanted->needs_pitch() : wanted->takes_pitch());
        if (!good)
            return false;
    }
    return true;
}

}  // namespace

skald_fault_reason check_encoding(const MicroOp& op) {
    const OpInfo* info = isa::find_op(op.opcode);
    if (info == nullptr)
        return SKALD_FAULT_OPCODE;
    const bool good = choices(*info, op) && registers(*info, op) && dims(*info, op) &&
                      immediate(*info, op) && operands(*info, op) && info->rule(op);
    return good ? SKALD_FAULT_NONE : SKALD_FAULT_ENCODING;
}

}  // namespace skald::card
