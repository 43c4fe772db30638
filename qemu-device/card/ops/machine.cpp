// SPDX-License-Identifier: MIT
// Operands of micro-ops: address, pitch, alignment, translation.
#include "card/ops/machine.hpp"

namespace skald::card {
namespace {

// Where host memory is allowed: runs only, none merged across kinds.
Fault find_runs(AddressSpace& space, View& view, Extents& runs, std::uint64_t rows,
                std::uint64_t row_bytes, Access access) {
    view.extents = &runs;
    runs.clear();
    runs.begin_range();
    for (std::uint64_t row = 0; row < rows; ++row)
        if (const Fault fault = space.resolve(view.address(row), row_bytes, access, true, runs))
            return fault;
    return {};
}

}  // namespace

void Machine::release() {
    for (Extents& list : extents)
        list.release();
    blocks.release();
    for (Arena& one : arena)
        one.release();
    std::pmr::vector<isa::Row>(&memory).swap(row_table);
}

Fault Machine::resolve(const Plan& plan, const isa::MicroOp& op, std::uint64_t rows) {
    for (const OperandPlan& o : plan.operands()) {
        View& view = operand[o.at];
        view = {.va = address(op.op[o.at]), .pitch = o.pitch};
        if (o.pitch < o.row_bytes)
            return {SKALD_FAULT_ENCODING, 0};
        if ((view.va & o.low_bits) != 0)
            return {SKALD_FAULT_ALIGNMENT, view.va};
        std::uint64_t count = o.length != 0 ? o.length : rows;
        if (o.counted) {
            count = reg[op.ra];
            if (count > isa::kMaxRows)
                return {SKALD_FAULT_ROWS, 0};
        }
        if (!o.is_static || count == 0)
            continue;
        Extents& runs = extents[o.at];
        if (const Fault fault = o.host ? find_runs(space, view, runs, count, o.row_bytes, o.access)
                                       : locate(view, runs, count, o.row_bytes, o.access))
            return fault;
    }
    return {};
}

Fault Machine::locate(View& view, Extents& runs, std::uint64_t rows, std::uint64_t row_bytes,
                      Access access) {
    const std::uint64_t bytes = (rows - 1) * view.pitch + row_bytes;
    view.base = space.contiguous(view.va, bytes, access);
    if (view.base != nullptr)
        return {};
    runs.clear();
    runs.begin_range();
    const bool dense = view.pitch == row_bytes;
    for (std::uint64_t row = 0; row < (dense ? 1 : rows); ++row) {
        const Fault fault =
            space.resolve(view.address(row), dense ? bytes : row_bytes, access, false, runs);
        if (fault)
            return fault;
    }
    if (runs.size() == 1)
        view.base = runs[0].at(view.va);
    else
        view.extents = &runs;
    return {};
}

void Machine::read_rows(unsigned i, std::uint64_t rows) {
    row_table.resize(rows);
    for (std::uint64_t t = 0; t < rows; ++t)
        row_table[t] = operand[i].get<isa::Row>(t);
}

}  // namespace skald::card
