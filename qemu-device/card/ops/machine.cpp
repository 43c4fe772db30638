// SPDX-License-Identifier: MIT
// Operands of micro-ops: address, pitch, alignment, translation.
#include "card/ops/machine.hpp"

namespace skald::card {
namespace {

// Pieces of an operand's rows that are kept; one row may lie in more.
constexpr std::size_t kKeptPieces = 1u << 18;
// Dense rows are translated together up to about so many bytes.
constexpr std::uint64_t kTogether = 2u << 20;

}  // namespace

void Machine::release() {
    for (Extents& list : extents)
        list.release();
    blocks.release();
    for (Arena& one : arena)
        one.release();
    std::pmr::vector<isa::Row>(&memory).swap(row_table);
}

Fault Machine::resolve(const Plan& plan, const isa::MicroOp& op, std::uint64_t first,
                       std::uint64_t& rows) {
    std::uint64_t held = rows;
    for (const OperandPlan& o : plan.operands()) {
        View& view = operand[o.at];
        const isa::Operand& where = op.op[o.at];
        const std::uint64_t pitch = where.pitch != 0 ? where.pitch * 16ull : o.row_bytes;
        const std::uint64_t va = address(where) + (o.by_row ? first * pitch : 0);
        if (pitch < o.row_bytes)
            return {SKALD_FAULT_ENCODING, 0};
        if ((va & o.low_bits) != 0)
            return {SKALD_FAULT_ALIGNMENT, va};
        std::uint64_t count = o.length != 0 ? o.length : rows;
        if (o.counted) {
            count = reg[op.ra];
            if (count > isa::kMaxRows)
                return {SKALD_FAULT_ROWS, 0};
        }
        const bool known = o.is_static && count != 0;
        std::byte* base = nullptr;
        if (known && !o.host)
            base = space.contiguous(va, (count - 1) * pitch + o.row_bytes, o.access());
        view = {.base = base, .va = va, .pitch = pitch};
        if (known && base == nullptr)
            if (const Fault fault = locate(o, view, extents[o.at], count, held))
                return fault;
    }
    rows = held;
    return {};
}

// Translates `count` rows of a view that do not lie in one piece, or may lie in host memory.
Fault Machine::locate(const OperandPlan& plan, View& view, Extents& runs, std::uint64_t count,
                      std::uint64_t& held) {
    const bool dense = view.pitch == plan.row_bytes;
    runs.clear();
    runs.begin_range();
    Extents rest(&memory);
    bool full = false;
    const std::uint64_t together =
        dense ? std::max<std::uint64_t>(1, kTogether / std::max<std::uint64_t>(1, plan.row_bytes))
              : 1;
    for (std::uint64_t row = 0; row < count; row += together) {
        const std::uint64_t n = std::min(together, count - row);
        const std::size_t before = runs.size();
        rest.clear();
        if (const Fault fault =
                space.resolve(view.address(row), (n - 1) * view.pitch + plan.row_bytes,
                              plan.access(), plan.host, full ? rest : runs))
            return fault;
        if (full)
            tick();
        if (!full && plan.by_row && row != 0 && runs.size() > kKeptPieces) {
            runs.shrink(before);
            held = std::min(held, row);
            full = true;
        }
    }
    if (!plan.host && runs.size() == 1)
        view.base = runs[0].at(view.va);
    else
        view.extents = &runs;
    return {};
}

Fault Machine::in_parts(const Plan& plan, const isa::MicroOp& op, std::uint64_t rows,
                        std::uint64_t held) {
    for (;;) {
        if (const Fault fault = plan.execute(*this, op, held))
            return fault;
        rows_before += held;
        if (rows_before == rows || stopped())
            return {};
        // The rest is checked already; what of it is kept again is what counts.
        held = std::min(rows - rows_before, held);
        if (const Fault fault = resolve(plan, op, rows_before, held))
            return fault;
    }
}

void Machine::read_rows(unsigned i, std::uint64_t rows) {
    row_table.resize(rows);
    for (std::uint64_t t = 0; t < rows; ++t)
        row_table[t] = operand[i].get<isa::Row>(t);
}

}  // namespace skald::card
