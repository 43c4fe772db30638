// SPDX-License-Identifier: MIT
// Operands of micro-ops: address, alignment, translation.
#include "card/ops/machine.hpp"

namespace skald::card {

Fault Machine::view(const isa::MicroOp& op, unsigned i, std::uint64_t rows, std::uint64_t row_bytes,
                    std::uint64_t align, Access access, View& view) {
    const isa::Operand& operand = op.op[i];
    view.extents = nullptr;
    view.va = address(operand);
    view.pitch = operand.pitch != 0 ? std::uint64_t{operand.pitch} * 16 : row_bytes;
    if (view.pitch < row_bytes)
        return {SKALD_FAULT_ENCODING, 0};
    if ((view.va & (align - 1)) != 0)
        return {SKALD_FAULT_ALIGNMENT, view.va};
    const std::uint64_t bytes = (rows - 1) * view.pitch + row_bytes;
    view.base = space.contiguous(view.va, bytes, access);
    if (view.base != nullptr)
        return {};
    Extents& list = extents[i];
    list.clear();
    list.begin_range();
    const bool dense = view.pitch == row_bytes;
    for (std::uint64_t row = 0; row < (dense ? 1 : rows); ++row) {
        const Fault fault =
            space.resolve(view.address(row), dense ? bytes : row_bytes, access, false, list);
        if (fault)
            return fault;
    }
    if (list.size() == 1)
        view.base = list[0].at(view.va);
    else
        view.extents = &list;
    return {};
}

Fault Machine::runs(const isa::MicroOp& op, unsigned i, std::uint64_t rows, std::uint64_t row_bytes,
                    Access access, View& view) {
    const isa::Operand& operand = op.op[i];
    view.base = nullptr;
    view.extents = &extents[i];
    view.va = address(operand);
    view.pitch = operand.pitch != 0 ? std::uint64_t{operand.pitch} * 16 : row_bytes;
    if (view.pitch < row_bytes)
        return {SKALD_FAULT_ENCODING, 0};
    extents[i].clear();
    extents[i].begin_range();
    for (std::uint64_t row = 0; row < rows; ++row) {
        const Fault fault = space.resolve(view.address(row), row_bytes, access, true, extents[i]);
        if (fault)
            return fault;
    }
    return {};
}

Fault Machine::read_rows(const isa::MicroOp& op, unsigned i, std::uint64_t rows, View& table) {
    if (const Fault fault = view(op, i, rows, sizeof(isa::Row), 8, Access::kRead, table))
        return fault;
    row_table.resize(rows);
    for (std::uint64_t t = 0; t < rows; ++t)
        row_table[t] = table.get<isa::Row>(t);
    return {};
}

}  // namespace skald::card
