// SPDX-License-Identifier: MIT
// One sentence per fault reason; the table follows skald/fault.h.
#include "libskald/fault_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "skald/fault.h"
#include "skald/isa_table.hpp"

namespace skald::rt {

std::string_view fault_reason_text(std::uint32_t reason) {
    switch (reason) {
        case SKALD_FAULT_NONE:
            return "no fault";
        case SKALD_FAULT_OPCODE:
            return "unknown opcode";
        case SKALD_FAULT_ENCODING:
            return "badly encoded micro-op";
        case SKALD_FAULT_UNMAPPED:
            return "access to an unmapped address";
        case SKALD_FAULT_READONLY:
            return "write to read-only memory";
        case SKALD_FAULT_ALIGNMENT:
            return "misaligned operand";
        case SKALD_FAULT_HOST_OPERAND:
            return "compute operand in host memory";
        case SKALD_FAULT_HOST_ACCESS:
            return "the host refused a DMA access";
        case SKALD_FAULT_SCRATCH:
            return "scratch window exceeded";
        case SKALD_FAULT_LOOP_BUDGET:
            return "loop budget used up";
        case SKALD_FAULT_PROGRAM_END:
            return "program ran past its end";
        case SKALD_FAULT_VALUE:
            return "value out of range (token, row, sequence or position)";
        case SKALD_FAULT_BLOCK:
            return "KV block-table entry out of range";
        case SKALD_FAULT_NONFINITE:
            return "NaN or infinity in the data";
        case SKALD_FAULT_ROWS:
            return "row count above the limit";
        case SKALD_FAULT_RING_ENTRY:
            return "bad job description";
        case SKALD_FAULT_WATCHDOG:
            return "no progress, stopped by the driver's watchdog";
        case SKALD_FAULT_TABLE:
            return "corrupt page table";
        case SKALD_FAULT_TIME:
            return "used more engine time than its queue allows";
        case SKALD_FAULT_HOST_MEMORY:
            return "the card may take no more of the host's memory";
        case SKALD_FAULT_MEMORY_ERROR:
            return "an error in card memory that could not be corrected";
        case SKALD_FAULT_LINK:
            return "no exchange with other cards: there is no link, no such rank, or what came has "
                   "another shape";
        default:
            return "unknown fault";
    }
}

namespace {

bool stores_keys_as_f16(const isa::MicroOp& op) {
    const isa::OpInfo* info = isa::find_op(op.opcode);
    return info != nullptr && info->fmt == isa::FmtKind::Kv &&
           op.fmt == static_cast<std::uint8_t>(isa::KvFormat::F16) &&
           std::ranges::any_of(info->operands, [](const isa::OperandInfo& operand) {
               return operand.role == isa::Role::Out && operand.element == isa::Element::Block;
           });
}

// What people can do about it, where that is known: keys come finite, but f16 has none above 65504.
std::string_view advice(std::uint32_t reason, const isa::MicroOp& op) {
    return reason == SKALD_FAULT_NONFINITE && stores_keys_as_f16(op)
               ? "; a key or value of this model is too large for a KV cache in f16: compile it "
                 "with --kv int8 or --kv f32"
               : "";
}

}  // namespace

std::string fault_text(const drm_skald_vm_query& fault, std::span<const isa::MicroOp> program) {
    if (fault.reason == SKALD_FAULT_NONE)
        return "the card stopped this address space without a fault: it was reset or killed";
    std::string_view name = "not part of the program";
    if (fault.op_index < program.size()) {
        const isa::OpInfo* info = isa::find_op(program[fault.op_index].opcode);
        name = info == nullptr ? "no known micro-op" : info->name;
    }
    std::string text = fmt::format("the card faulted: {}", fault_reason_text(fault.reason));
    if (fault.address != 0)
        text += fmt::format(", address {:#x}", fault.address);
    text += fmt::format(", micro-op {}", fault.op_index);
    if (!program.empty())
        text += fmt::format(" ({})", name);
    text += fmt::format(", job {} of queue {}", fault.seq, fault.queue_id);
    if (fault.op_index < program.size())
        text += advice(fault.reason, program[fault.op_index]);
    return text;
}

}  // namespace skald::rt
