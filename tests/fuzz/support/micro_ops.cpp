// SPDX-License-Identifier: MIT
#include "support/micro_ops.hpp"

#include "skald/isa_table.hpp"
#include "support/machine.hpp"

namespace skald::fuzz {
namespace {

using isa::MicroOp;
using isa::Operand;

constexpr std::uint8_t kRaw = 0xff;    // in place of a choice: any value
constexpr std::uint8_t kSpoil = 0xf0;  // from here on one byte of the micro-op becomes any

constexpr std::uint32_t kLengths[] = {1,   2, 4,  8,  16, 32,  64,   128,
                                      256, 3, 33, 65, 80, 512, 1024, 4096};
constexpr std::uint16_t kPitches[] = {1, 2, 4, 8, 16, 64, 256};
constexpr std::uint32_t kFloats[] = {0x3f800000, 0x3727c5ac, 0x3f000000, 0, 0x7f800000, 0x7fc00000};
constexpr std::uint8_t kRowRegisters = 7;  // the first few after register 0 hold small numbers

template <class Values>
std::uint64_t value(Source& source, const Values& usual) {
    const std::uint8_t choice = source.byte();
    return choice == kRaw ? source.take<std::uint64_t>()
                          : std::data(usual)[choice % std::size(usual)];
}

// Where the last aligned word begins in the scratch, of which a part may be behind its end; some
// words before it, or the one after it.
std::uint64_t end_of_scratch(std::uint32_t scratch, std::uint64_t offset, std::uint64_t align) {
    constexpr std::int64_t kWords[] = {0, 0, 0, 0, -1, -2, -5, 1};
    const std::uint64_t last = (SKALD_SCRATCH_VA + scratch - 1) / align * align;
    return last + static_cast<std::uint64_t>(kWords[offset % std::size(kWords)]) * align;
}

std::uint64_t address(Source& source, const Aim& aim, std::size_t operand, std::uint64_t align) {
    const std::uint8_t where = source.byte();
    const std::uint64_t offset = source.take<std::uint16_t>();
    if (operand == aim.at_its_end)
        return end_of_scratch(aim.scratch, offset, align);
    if (where == kRaw)
        return source.take<std::uint64_t>();
    switch (where % 16) {
        case 12:
            return end_of_scratch(aim.scratch, offset, align);
        case 13:
            return SKALD_SCRATCH_VA + offset * align % SKALD_PAGE_SIZE;
        case 14:
            return kBigVa + offset * 64;
        case 15:  // not aligned
            return kArenaVa + offset * 4 % kArenaBytes + offset % 4;
        default:
            return kArenaVa + offset * std::max<std::uint64_t>(align, 8) % kArenaBytes;
    }
}

Operand operand(Source& source, const Aim& aim, const isa::OperandInfo& info, const MicroOp& op) {
    Operand operand;
    operand.offset = address(source, aim, info.at, std::max<std::uint64_t>(info.align(op), 1));
    const std::uint8_t more = source.byte();
    if (info.needs_pitch() || (info.takes_pitch() && more % 4 == 0))
        operand.pitch = source.pick(kPitches);
    if (more >= 0xe0)
        operand.base = source.byte() % isa::kRegisters;
    if (more >= 0xf0) {
        operand.index = source.byte() % isa::kRegisters;
        operand.stride = source.take<std::uint16_t>();
    }
    return operand;
}

std::uint8_t pick_choice(Source& source, std::span<const isa::Choice> choices) {
    return choices.empty() ? std::uint8_t{0} : source.pick(choices).value;
}

void choose_registers(Source& source, const isa::OpInfo& info, MicroOp& op) {
    const unsigned used = isa::registers_of(info, op);
    for (const auto& [use, reg] :
         {std::pair(isa::kUseRd, &op.rd), {isa::kUseRa, &op.ra}, {isa::kUseRb, &op.rb}})
        if ((used & use) != 0)
            *reg = source.byte() % isa::kRegisters;
    if ((used & isa::kUseRows) != 0)
        op.rows = 1 + source.byte() % kRowRegisters;
}

void choose_dims(Source& source, const isa::OpInfo& info, MicroOp& op) {
    for (const isa::DimInfo& dim : info.dims) {
        if (!dim.when.holds(op))
            continue;
        const auto wanted = static_cast<std::uint32_t>(value(source, kLengths));
        const std::uint32_t least = std::max(dim.min, dim.multiple);
        const std::uint32_t good = std::clamp(wanted, least, dim.max) / dim.multiple * dim.multiple;
        op.dim[dim.at] |= dim.part == isa::Part::High ? good << 16 : good & dim.bits();
    }
}

void choose_immediates(Source& source, const isa::OpInfo& info, MicroOp& op) {
    isa::each_imm(info, op, [&](const isa::ImmInfo& imm) {
        std::uint64_t chosen =
            imm.kind == isa::Kind::F32 ? value(source, kFloats) : value(source, kLengths);
        if (imm.kind == isa::Kind::Registers)
            chosen &= ~(std::uint64_t{1} | std::uint64_t{1} << isa::kRegArgs);
        op.imm |= (imm.part == isa::Part::High ? chosen << 32 : chosen) & imm.bits();
    });
}

// By its number, so that what was found once means the same when the table has grown.
const isa::OpInfo& info_of(std::uint8_t choice) {
    const isa::OpInfo* info = isa::find_op(choice);
    return info != nullptr ? *info : isa::kOps[choice % isa::kOps.size()];
}

}  // namespace

MicroOp micro_op(Source& source, const Aim& aim) {
    const isa::OpInfo& info = info_of(source.byte());
    MicroOp op;
    op.opcode = static_cast<std::uint8_t>(info.opcode);
    op.fmt = pick_choice(source, isa::formats(info.fmt));
    op.aux = pick_choice(source, info.aux);
    op.flags = source.byte() & isa::flag_bits(info);
    if (const isa::Choice* aux = isa::find_choice(info.aux, op.aux))
        op.flags &= static_cast<std::uint8_t>(~aux->bars);
    choose_registers(source, info, op);
    choose_dims(source, info, op);
    choose_immediates(source, info, op);
    for (std::size_t i = 0; i < isa::kOperands; ++i)
        if (const isa::OperandInfo* wanted = isa::operand_of(info, op, i))
            op.op[i] = operand(source, aim, *wanted, op);
    if (source.byte() >= kSpoil)
        std::as_writable_bytes(std::span(&op, 1))[source.byte() % sizeof op] =
            source.take<std::byte>();
    return op;
}

}  // namespace skald::fuzz
