// SPDX-License-Identifier: MIT
#include "card/ops/plan.hpp"

#include "card/ops/ops.hpp"

namespace skald::card {
namespace {

OperandPlan plan_operand(const isa::OperandInfo& info, const isa::MicroOp& op) {
    OperandPlan plan;
    plan.row_bytes = info.row_bytes(op);
    if (info.reach == isa::Reach::One)
        plan.length = 1;
    else if (info.reach == isa::Reach::Table)
        plan.length = static_cast<std::uint32_t>(info.length(op));
    plan.by_row = info.reach == isa::Reach::Rows || info.reach == isa::Reach::Dense;
    plan.at = info.at;
    plan.low_bits = static_cast<std::uint8_t>(info.align(op) - 1);
    plan.write = info.written();
    plan.is_static = info.is_static();
    plan.host = info.host;
    plan.counted = info.reach == isa::Reach::Counted;
    return plan;
}

}  // namespace

Plan make_plan(const isa::MicroOp& op) {
    Plan plan;
    plan.info = isa::find_op(op.opcode);
    plan.execute = ops::find_execute(plan.info->opcode);
    plan.has_rows = (plan.info->registers & isa::kUseRows) != 0;
    for (std::size_t i = 0; i < isa::kOperands; ++i)
        if (const isa::OperandInfo* info = isa::operand_of(*plan.info, op, i)) {
            OperandPlan& operand = plan.operand[plan.count++];
            operand = plan_operand(*info, op);
            operand.by_row = operand.by_row && !plan.info->whole(op);
        }
    return plan;
}

}  // namespace skald::card
