// SPDX-License-Identifier: MIT
// SEM_WAIT and SEM_SIGNAL on 64-bit words in card or host memory. A wait that is not over yet asks
// to be repeated: how to pass the time is the sequencer's affair.
#include "card/ops/ops.hpp"

namespace skald::card::ops {
namespace {

std::uint64_t* card_word(const Mapping& mapping, std::uint64_t va) {
    return reinterpret_cast<std::uint64_t*>(mapping.at(va));
}

DmaAddr host_word(const Mapping& mapping, std::uint64_t va) {
    return mapping.host + (va - mapping.first);
}

Fault read_word(Machine& m, const Mapping& mapping, std::uint64_t va, std::uint64_t& value) {
    if (mapping.card != nullptr)
        value = __atomic_load_n(card_word(mapping, va), __ATOMIC_ACQUIRE);
    else if (!m.host.load64(host_word(mapping, va), value))
        return {SKALD_FAULT_HOST_ACCESS, va};
    return {};
}

std::uint64_t operand_value(const Machine& m, const isa::MicroOp& op) {
    return (op.flags & isa::kFlagImm) != 0 ? op.imm : m.reg[op.ra];
}

}  // namespace

Fault sem_wait(Machine& m, const isa::MicroOp& op, std::uint64_t) {
    const std::uint64_t va = m.operand[0].va;
    const Mapping& mapping = m.extents[0][0];  // aligned, so in one piece
    std::uint64_t value = 0;
    if (const Fault bad = read_word(m, mapping, va, value))
        return bad;
    const std::uint64_t wanted = operand_value(m, op);
    const bool reached = static_cast<isa::Condition>(op.aux) == isa::Condition::Equal
                             ? value == wanted
                             : value >= wanted;
    if (!reached)
        m.step = Step::kRepeat;
    return {};
}

Fault sem_signal(Machine& m, const isa::MicroOp& op, std::uint64_t) {
    const std::uint64_t va = m.operand[0].va;
    const Mapping& mapping = m.extents[0][0];
    std::uint64_t value = operand_value(m, op);
    if (static_cast<isa::SignalOp>(op.aux) == isa::SignalOp::Add) {
        std::uint64_t old = 0;
        if (const Fault bad = read_word(m, mapping, va, old))
            return bad;
        value += old;
    }
    if (mapping.card != nullptr)
        __atomic_store_n(card_word(mapping, va), value, __ATOMIC_RELEASE);
    else if (!m.host.store64(host_word(mapping, va), value))
        return {SKALD_FAULT_HOST_ACCESS, va};
    return {};
}

}  // namespace skald::card::ops
