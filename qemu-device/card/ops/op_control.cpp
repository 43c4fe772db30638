// SPDX-License-Identifier: MIT
// Control micro-ops: registers, branches, the end of a job.
#include <algorithm>

#include "card/ops/ops.hpp"

namespace skald::card::ops {
namespace {

using isa::MicroOp;

bool immediate(const MicroOp& op) {
    return (op.flags & isa::kFlagImm) != 0;
}

bool narrow(const MicroOp& op) {
    return static_cast<isa::Width>(op.fmt) == isa::Width::U32;
}

void jump(Machine& m, std::uint32_t target) {
    m.step = Step::kJump;
    m.target = target;
}

std::uint64_t compute(isa::AluOp kind, std::uint64_t a, std::uint64_t b) {
    switch (kind) {
        case isa::AluOp::Mov:
            return b;
        case isa::AluOp::Add:
            return a + b;
        case isa::AluOp::Sub:
            return a - b;
        case isa::AluOp::Mul:
            return a * b;
        case isa::AluOp::And:
            return a & b;
        case isa::AluOp::Or:
            return a | b;
        case isa::AluOp::Xor:
            return a ^ b;
        case isa::AluOp::Shl:
            return a << (b & 63);
        case isa::AluOp::Shr:
            return a >> (b & 63);
        case isa::AluOp::Min:
            return std::min(a, b);
        case isa::AluOp::Max:
            return std::max(a, b);
    }
    return 0;
}

bool holds(isa::Condition condition, std::uint64_t a, std::uint64_t b) {
    switch (condition) {
        case isa::Condition::Always:
            return true;
        case isa::Condition::Equal:
            return a == b;
        case isa::Condition::NotEqual:
            return a != b;
        case isa::Condition::Below:
            return a < b;
        case isa::Condition::AboveEqual:
            return a >= b;
    }
    return false;
}

}  // namespace

Fault end(Machine& m, const MicroOp& op, std::uint64_t) {
    const std::uint64_t args = m.queue->job.desc.args.value;
    for (unsigned i = 1; i < isa::kRegisters - 1; ++i) {
        if ((op.imm >> i & 1) == 0)
            continue;
        if (const Fault fault = m.space.write(args + i * 8, &m.reg[i], 8))
            return fault;
    }
    m.step = Step::kEnd;
    m.end_status = static_cast<isa::EndStatus>(op.aux) == isa::EndStatus::Done ? SKALD_JOB_DONE
                                                                               : SKALD_JOB_CONTINUE;
    return {};
}

Fault alu(Machine& m, const MicroOp& op, std::uint64_t) {
    const std::uint64_t b = immediate(op) ? op.imm : m.reg[op.rb];
    m.write_register(op.rd, compute(static_cast<isa::AluOp>(op.aux), m.reg[op.ra], b));
    return {};
}

Fault load(Machine& m, const MicroOp& op, std::uint64_t) {
    const std::byte* p = m.operand[0].base;  // aligned, so in one piece
    // One access each: the host may write the word while the job runs.
    const std::uint64_t value =
        narrow(op) ? __atomic_load_n(reinterpret_cast<const std::uint32_t*>(p), __ATOMIC_ACQUIRE)
                   : __atomic_load_n(reinterpret_cast<const std::uint64_t*>(p), __ATOMIC_ACQUIRE);
    m.write_register(op.rd, value);
    return {};
}

Fault store(Machine& m, const MicroOp& op, std::uint64_t) {
    std::byte* p = m.operand[0].base;
    if (narrow(op))
        __atomic_store_n(reinterpret_cast<std::uint32_t*>(p),
                         static_cast<std::uint32_t>(m.reg[op.ra]), __ATOMIC_RELEASE);
    else
        __atomic_store_n(reinterpret_cast<std::uint64_t*>(p), m.reg[op.ra], __ATOMIC_RELEASE);
    return {};
}

Fault branch(Machine& m, const MicroOp& op, std::uint64_t) {
    const std::uint64_t b = immediate(op) ? op.imm : m.reg[op.rb];
    if (holds(static_cast<isa::Condition>(op.aux), m.reg[op.ra], b))
        jump(m, op.dim[0]);
    return {};
}

Fault loop(Machine& m, const MicroOp& op, std::uint64_t) {
    const std::uint64_t value = m.reg[op.rd] - 1;
    m.write_register(op.rd, value);
    if (value != 0)
        jump(m, op.dim[0]);
    return {};
}

Fault budget(Machine& m, const MicroOp& op, std::uint64_t) {
    const JobState& job = m.queue->job;
    if (job.desc.time_budget_ns == 0)
        return {};
    const std::uint64_t used = job.run_ns + (m.clock.now_ns() - m.slice_start_ns);
    if (used >= job.desc.time_budget_ns)
        jump(m, op.dim[0]);
    return {};
}

}  // namespace skald::card::ops
