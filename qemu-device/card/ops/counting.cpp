// SPDX-License-Identifier: MIT
#include "card/ops/counting.hpp"

#include <algorithm>
#include <vector>

namespace skald::card {
namespace {

// SplitMix64.
std::uint64_t draw(std::uint64_t& state) {
    std::uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

// Of `choices`, each of one of `experts`: how many have some.
std::uint64_t chosen(std::uint32_t experts, std::uint64_t choices, std::uint64_t seed) {
    std::vector<bool> used(experts);
    std::uint64_t count = 0;
    for (std::uint64_t i = 0; i < choices && count < experts; ++i) {
        const std::uint64_t expert = draw(seed) % experts;
        count += used[expert] ? 0 : 1;
        used[expert] = true;
    }
    return count;
}

Fault count_positions(Machine& m, const isa::MicroOp& op, const isa::OperandInfo& table,
                      std::uint64_t rows) {
    const isa::Operand& where = op.op[table.at];
    const std::uint64_t pitch = where.pitch != 0 ? where.pitch * 16ull : sizeof(isa::Row);
    const auto window = static_cast<std::uint32_t>(op.imm >> 32);
    for (std::uint64_t t = 0; t < rows; ++t) {
        isa::Row row;
        if (const Fault fault = m.space.read(m.address(where) + t * pitch, &row, sizeof(row)))
            return fault;
        const std::uint32_t first =
            window != 0 && row.position >= window ? row.position - window + 1 : 0;
        m.positions.add(row.sequence, first, row.position);
    }
    m.counts.positions = m.positions.attended();
    m.counts.shared = m.positions.shared();
    return {};
}

}  // namespace

bool is_arithmetic(const isa::OpInfo& info) {
    if (info.engine == isa::Engine::Control)
        return false;
    if (info.engine != isa::Engine::Memory)
        return true;
    return std::ranges::any_of(info.operands, [](const isa::OperandInfo& operand) {
        return operand.element == isa::Element::Tile || operand.element == isa::Element::Block;
    });
}

bool counts_rows_alone(const isa::OpInfo& info, const isa::MicroOp& op) {
    switch (info.engine) {
        case isa::Engine::Quantise:
        case isa::Engine::Vector:
        case isa::Engine::Selection:
            return true;
        case isa::Engine::Matrix:
            return (op.flags & isa::kFlagGrouped) == 0;
        default:
            return false;
    }
}

Fault count_work(Machine& m, const isa::MicroOp& op, const isa::OpInfo& info, std::uint64_t rows,
                 std::uint64_t seed) {
    if ((op.flags & isa::kFlagGrouped) != 0 && info.engine == isa::Engine::Matrix) {
        m.counts.experts = chosen(op.dim[2], rows, seed);
        m.counts.inputs = (op.flags & isa::kFlagIndexed) != 0 ? m.reg[op.ra] : 0;
    }
    if (info.engine == isa::Engine::Attention)
        for (const isa::OperandInfo& operand : info.operands)
            if (operand.element == isa::Element::Row)
                return count_positions(m, op, operand, rows);
    return {};
}

}  // namespace skald::card
