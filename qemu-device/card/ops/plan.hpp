// SPDX-License-Identifier: MIT
// All that is known of a micro-op before it runs, worked out once from its row of the table: its
// bytes alone decide it.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "card/mmu/address_space.hpp"
#include "skald/isa_table.hpp"

namespace skald::card {

struct Machine;

// One function per micro-op. Its operands are in machine.operand, the static ones translated.
// rows: T, never 0 (1 for those without).
using Execute = Fault (*)(Machine& machine, const isa::MicroOp& op, std::uint64_t rows);

// Small: the plans of a loop's micro-ops should stay in the innermost cache.
struct OperandPlan {
    std::uint64_t row_bytes = 0;
    std::uint32_t length = 0;  // rows; 0: T
    std::uint8_t at = 0;
    std::uint8_t low_bits = 0;  // of the address that must be 0
    bool by_row : 1 = false;    // one for each of T rows, which may be taken in parts
    bool write : 1 = false;
    bool is_static : 1 = false;
    bool host : 1 = false;
    bool counted : 1 = false;  // R[ra] rows

    [[nodiscard]] Access access() const { return write ? Access::kWrite : Access::kRead; }
};
static_assert(sizeof(OperandPlan) == 16);

struct Plan {
    const isa::OpInfo* info = nullptr;
    Execute execute = nullptr;
    bool has_rows = false;
    std::uint8_t count = 0;  // of operands
    std::array<OperandPlan, isa::kOperands> operand;

    [[nodiscard]] std::span<const OperandPlan> operands() const { return {operand.data(), count}; }
};

// Of a micro-op that check_encoding() accepts.
[[nodiscard]] Plan make_plan(const isa::MicroOp& op);

}  // namespace skald::card
