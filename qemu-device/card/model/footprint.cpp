// SPDX-License-Identifier: MIT
#include "card/model/footprint.hpp"

#include <algorithm>

namespace skald::card::model {
namespace {

// Written by the host before a run, if at all.
bool constant(const isa::OperandInfo& operand) {
    if (operand.written())
        return false;
    switch (operand.element) {
        case isa::Element::Tile:
        case isa::Element::Params:
            return true;
        default:
            return operand.reach == isa::Reach::Table ||
                   operand.reach == isa::Reach::EntryPitched ||
                   (operand.element == isa::Element::F32 && operand.reach == isa::Reach::One);
    }
}

std::uint64_t bit(unsigned reg) {
    return reg == isa::kRegZero ? 0 : 1ull << reg;
}

}  // namespace

Footprint make_footprint(const isa::OpInfo& info, const isa::MicroOp& op) {
    Footprint footprint;
    footprint.engine = static_cast<std::uint8_t>(engine_of(info));
    const unsigned used = isa::registers_of(info, op);
    if ((used & isa::kUseRows) != 0)
        footprint.reads |= bit(op.rows);
    if ((used & isa::kUseRa) != 0)
        footprint.reads |= bit(op.ra);
    if ((used & isa::kUseRb) != 0)
        footprint.reads |= bit(op.rb);
    if ((used & isa::kUseRd) != 0)
        footprint.writes |= bit(op.rd);
    for (std::size_t i = 0; i < isa::kOperands; ++i) {
        const isa::OperandInfo* operand = isa::operand_of(info, op, i);
        if (operand == nullptr)
            continue;
        footprint.reads |= bit(op.op[i].base) | bit(op.op[i].index);
        // A ring of tokens is the host's.
        if (constant(*operand) || operand->element == isa::Element::Token)
            continue;
        std::uint64_t& row_bytes = footprint.row_bytes[footprint.count];
        Touch& touch = footprint.touch[footprint.count++];
        touch.at = static_cast<std::uint8_t>(i);
        touch.read = operand->reads(op);
        touch.write = operand->written();
        touch.object = operand->reach >= isa::Reach::Entries;
        row_bytes = touch.object ? 1 : operand->row_bytes(op);
        touch.counted = operand->reach == isa::Reach::Counted;
        if (touch.object || operand->reach == isa::Reach::One)
            touch.length = 1;
        // Rows found by number, of which R[ra] says how many there are.
        if (operand->reach == isa::Reach::EntryRows && (used & isa::kUseRa) != 0) {
            touch.object = false;
            touch.counted = true;
            row_bytes = operand->row_bytes(op);
        }
        footprint.counted |= touch.counted;
        const auto mask = static_cast<std::uint8_t>(1u << (footprint.count - 1));
        footprint.read |= touch.read ? mask : 0;
        footprint.written |= touch.write ? mask : 0;
        footprint.objects |= touch.object ? mask : 0;
    }
    return footprint;
}

std::uint8_t moving_touches(const Footprint& footprint, const isa::MicroOp& op,
                            std::uint64_t registers) {
    std::uint8_t moving = 0;
    for (std::size_t i = 0; i < footprint.count; ++i) {
        const isa::Operand& where = op.op[footprint.touch[i].at];
        if (((bit(where.base) | bit(where.index)) & registers) != 0)
            moving |= static_cast<std::uint8_t>(1u << i);
    }
    return moving;
}

Range range_of(const Footprint& footprint, std::size_t which, const isa::MicroOp& op,
               std::uint64_t va, std::uint64_t rows, std::uint64_t counted) {
    const Touch& touch = footprint.touch[which];
    const std::uint64_t row_bytes = footprint.row_bytes[which];
    const isa::Operand& where = op.op[touch.at];
    const std::uint64_t pitch = where.pitch != 0 && !touch.object ? where.pitch * 16ull : row_bytes;
    const std::uint64_t count = touch.counted ? counted : touch.length != 0 ? touch.length : rows;
    return make_range(va, pitch, row_bytes, std::min<std::uint64_t>(count, kMostRows));
}

}  // namespace skald::card::model
