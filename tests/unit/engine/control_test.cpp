// SPDX-License-Identifier: MIT
// Control micro-ops: registers, branches, budgets, semaphores, the end of a job.
#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "program.hpp"

namespace skald::test {
namespace {

using isa::AluOp;
using isa::Condition;

class Control : public ::testing::Test {
  protected:
    Rig rig;

    // Runs the program and gives back R1..R8 as END saved them.
    Registers run(Program program, const Registers& registers = {}) {
        program.push_back(end(isa::EndStatus::Done, 0x1fe));
        const auto job = rig.job(program, registers);
        const auto result = rig.run(job);
        EXPECT_EQ(result.status, SKALD_JOB_DONE) << "reason " << result.reason;
        Registers saved{};
        rig.read(job.args.value, saved.data(), sizeof(saved));
        return saved;
    }
    void expect_fault(const card::JobResult& result, skald_fault_reason reason,
                      std::uint32_t op_index, std::uint64_t address = 0) {
        EXPECT_EQ(result.status, SKALD_JOB_FAULT);
        EXPECT_EQ(result.reason, reason);
        EXPECT_EQ(result.op_index, op_index);
        EXPECT_EQ(result.address.value, address);
    }
};

TEST_F(Control, AluComputesUnsignedAndWraps) {
    Registers in{};
    in[20] = 0xfffffffffffffff0ull;
    in[21] = 0x25;
    struct Case {
        AluOp kind;
        std::uint64_t wanted;
    };
    const Case cases[] = {
        {AluOp::Add, in[20] + in[21]}, {AluOp::Sub, in[20] - in[21]}, {AluOp::Mul, in[20] * in[21]},
        {AluOp::And, in[20] & in[21]}, {AluOp::Or, in[20] | in[21]},  {AluOp::Xor, in[20] ^ in[21]},
        {AluOp::Shl, in[20] << 0x25},  {AluOp::Shr, in[20] >> 0x25},  {AluOp::Min, 0x25},
        {AluOp::Max, in[20]},
    };
    for (const Case& c : cases) {
        const auto out = run({alu_reg(c.kind, 1, 20, 21), alu(c.kind, 2, 20, 0x25)}, in);
        EXPECT_EQ(out[1], c.wanted) << "kind " << static_cast<int>(c.kind);
        EXPECT_EQ(out[2], c.wanted);
    }
    const auto out = run(
        {alu(AluOp::Mov, 1, 0, 77), alu_reg(AluOp::Mov, 2, 0, 21), alu(AluOp::Shl, 3, 20, 64 + 1)},
        in);
    EXPECT_EQ(out[1], 77u);
    EXPECT_EQ(out[2], 0x25u);
    EXPECT_EQ(out[3], in[20] << 1) << "shifts use the low six bits";
}

TEST_F(Control, RegisterZeroReadsZeroAndRegister63IsTheArgumentBlock) {
    Registers in{};
    in.fill(5);
    const auto job = rig.job({alu(AluOp::Mov, 0, 0, 9), alu(AluOp::Add, 1, 0, 1),
                              alu_reg(AluOp::Mov, 2, 0, 63), end(isa::EndStatus::Done, 0x6)},
                             in);
    ASSERT_EQ(rig.run(job).status, SKALD_JOB_DONE);
    const auto words = rig.get<std::uint64_t>(job.args.value, 64);
    EXPECT_EQ(words[1], 1u);
    EXPECT_EQ(words[2], job.args.value);
    EXPECT_EQ(words[3], 5u) << "only the registers named by END are stored";
    EXPECT_EQ(words[0], 5u);
}

TEST_F(Control, BranchesCompareUnsigned) {
    const auto taken = [&](Condition condition, std::uint64_t a, std::uint64_t b) {
        Registers in{};
        in[20] = a;
        return run({branch(condition, 20, b, 2), alu(AluOp::Mov, 1, 0, 1)}, in)[1] == 0;
    };
    EXPECT_TRUE(taken(Condition::Equal, 3, 3));
    EXPECT_FALSE(taken(Condition::Equal, 3, 4));
    EXPECT_TRUE(taken(Condition::NotEqual, 3, 4));
    EXPECT_FALSE(taken(Condition::NotEqual, 3, 3));
    EXPECT_TRUE(taken(Condition::Below, 3, ~0ull));
    EXPECT_FALSE(taken(Condition::Below, 3, 3));
    EXPECT_TRUE(taken(Condition::AboveEqual, ~0ull, 3));
    EXPECT_FALSE(taken(Condition::AboveEqual, 2, 3));
    EXPECT_EQ(run({branch(Condition::Always, 0, 0, 2), alu(AluOp::Mov, 1, 0, 1)})[1], 0u);
}

TEST_F(Control, LoopRepeatsUntilZero) {
    Registers in{};
    in[20] = 1000;
    EXPECT_EQ(run({alu(AluOp::Add, 1, 1, 3), loop(20, 0)}, in)[1], 3000u);
}

TEST_F(Control, LoadAndStoreAreZeroExtendedAndTruncated) {
    const auto va = rig.put(std::vector<std::uint64_t>{0x1122334455667788, 0xffffffffffffffff});
    const auto memory = [](isa::Opcode opcode, isa::Width width, std::uint8_t reg,
                           std::uint64_t address) {
        auto op = make(opcode);
        op.fmt = static_cast<std::uint8_t>(width);
        (opcode == isa::Opcode::Load ? op.rd : op.ra) = reg;
        op.op[0] = at(address);
        return op;
    };
    using isa::Opcode;
    using isa::Width;
    const auto out =
        run({memory(Opcode::Load, Width::U32, 1, va + 4), memory(Opcode::Load, Width::U64, 2, va),
             memory(Opcode::Store, Width::U32, 2, va + 8),
             memory(Opcode::Load, Width::U64, 3, va + 8)});
    EXPECT_EQ(out[1], 0x11223344u);
    EXPECT_EQ(out[2], 0x1122334455667788u);
    EXPECT_EQ(out[3], 0xffffffff55667788u);
    expect_fault(rig.run({memory(Opcode::Load, Width::U64, 1, va + 4)}), SKALD_FAULT_ALIGNMENT, 0,
                 va + 4);
    expect_fault(rig.run({memory(Opcode::Store, Width::U32, 1, va + 2)}), SKALD_FAULT_ALIGNMENT, 0,
                 va + 2);
}

// With scratch of an odd size a word or a ring entry could begin inside and end outside.
TEST_F(Control, ScratchIsWholePagesAndNothingReachesBehindIt) {
    for (std::uint32_t bytes : {24u, 4095u, 4097u, 65535u}) {
        rig.queue.scratch_bytes = bytes;
        EXPECT_THROW((void)rig.engine->set_queue(1, rig.queue), std::logic_error) << bytes;
    }
    const std::uint64_t end = SKALD_SCRATCH_VA + RigOptions{}.scratch;
    auto access = make(isa::Opcode::Load);
    for (isa::Opcode opcode : {isa::Opcode::Load, isa::Opcode::Store}) {
        access.opcode = static_cast<std::uint8_t>(opcode);
        for (isa::Width width : {isa::Width::U32, isa::Width::U64}) {
            access.fmt = static_cast<std::uint8_t>(width);
            access.op[0] = at(end - (width == isa::Width::U32 ? 4 : 8));
            EXPECT_EQ(rig.run({access}).status, SKALD_JOB_DONE);
            access.op[0] = at(end);
            expect_fault(rig.run({access}), SKALD_FAULT_SCRATCH, 0, end);
        }
    }
    EXPECT_EQ(rig.run({sem_signal(end - 8, isa::SignalOp::Add, 1)}).status, SKALD_JOB_DONE);
    expect_fault(rig.run({sem_signal(end, isa::SignalOp::Add, 1)}), SKALD_FAULT_SCRATCH, 0, end);
    expect_fault(rig.run({sem_wait(end, Condition::Equal, 1)}), SKALD_FAULT_SCRATCH, 0, end);
}

TEST_F(Control, EffectiveAddressesAddBaseOffsetAndIndex) {
    const auto va = rig.put(std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 8});
    Registers in{};
    in[20] = va + 64;
    in[21] = 3;
    auto op = make(isa::Opcode::Load);
    op.fmt = static_cast<std::uint8_t>(isa::Width::U64);
    op.rd = 1;
    op.op[0].base = 20;
    op.op[0].offset = static_cast<std::uint64_t>(-64) + 8;  // modulo 2^64
    op.op[0].index = 21;
    op.op[0].stride = 16;
    EXPECT_EQ(run({op}, in)[1], 8u);
}

TEST_F(Control, RunningPastTheEndOrBranchingOutsideFaults) {
    expect_fault(rig.run(rig.job({alu(AluOp::Mov, 1, 0, 1)}, {})), SKALD_FAULT_PROGRAM_END, 1);
    expect_fault(rig.run({branch(Condition::Always, 0, 0, 2)}), SKALD_FAULT_PROGRAM_END, 0);
    expect_fault(rig.run({branch(Condition::Always, 0, 0, ~0u)}), SKALD_FAULT_PROGRAM_END, 0);
}

TEST_F(Control, TheLoopBudgetCountsBackwardBranchesOnly) {
    Registers in{};
    in[20] = 10;
    auto job = rig.job(
        {alu(AluOp::Add, 1, 1, 1), branch(Condition::Always, 0, 0, 2), loop(20, 0), end()}, in);
    job.loop_budget = 9;
    EXPECT_EQ(rig.run(job).status, SKALD_JOB_DONE);
    job.loop_budget = 8;
    expect_fault(rig.run(job), SKALD_FAULT_LOOP_BUDGET, 2);
}

TEST_F(Control, AnEmptyLoopEndsByItsBudget) {
    auto job = rig.job({branch(Condition::Always, 0, 0, 0)}, {});
    job.loop_budget = 100000;
    const auto result = rig.run(job);
    expect_fault(result, SKALD_FAULT_LOOP_BUDGET, 0);
    EXPECT_EQ(result.micro_ops, 100001u);
}

TEST_F(Control, BudgetBranchesOnceTheTimeIsUp) {
    auto budget = make(isa::Opcode::Budget);
    budget.dim[0] = 3;
    const Program program = {alu(AluOp::Add, 1, 1, 1), budget, branch(Condition::Always, 0, 0, 0),
                             end(isa::EndStatus::Continue, 2)};
    auto job = rig.job(program, {});
    rig.clock.set_step(1000);  // a microsecond at every look
    job.time_budget_ns = 50000;
    const auto result = rig.run(job);
    EXPECT_EQ(result.status, SKALD_JOB_CONTINUE);
    EXPECT_EQ(rig.get<std::uint64_t>(job.args.value + 8, 1)[0], 50u);
    auto unlimited = rig.job({budget, end(), end(), end(isa::EndStatus::Continue)}, {});
    EXPECT_EQ(rig.run(unlimited).status, SKALD_JOB_DONE);
}

TEST_F(Control, SemaphoresWorkInCardAndHostMemory) {
    const auto card = rig.put(std::vector<std::uint64_t>{5});
    const auto host = rig.map_host(4096, 4096);
    rig.engine->invalidate(0);
    for (std::uint64_t va : {card, host}) {
        const auto result = rig.run(
            {sem_signal(va, isa::SignalOp::Set, 7), sem_wait(va, Condition::Equal, 7),
             sem_signal(va, isa::SignalOp::Add, 3), sem_wait(va, Condition::AboveEqual, 9)});
        EXPECT_EQ(result.status, SKALD_JOB_DONE);
        EXPECT_EQ(result.micro_ops, 5u);
    }
    EXPECT_EQ(rig.get<std::uint64_t>(card, 1)[0], 10u);
    std::uint64_t word = 0;
    std::memcpy(&word, rig.host.at(4096), 8);
    EXPECT_EQ(word, 10u);
    expect_fault(rig.run({sem_wait(card + 4, Condition::Equal, 0)}), SKALD_FAULT_ALIGNMENT, 0,
                 card + 4);
}

TEST_F(Control, AWaitGoesOnWhenTheHostSignals) {
    const auto host = rig.map_host(4096, 4096);
    rig.engine->launch(rig.job({sem_wait(host + 8, Condition::AboveEqual, 42), end()}, {}));
    std::thread other([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(3));
        EXPECT_TRUE(rig.host.store64(DmaAddr(kHostBase + 4104), 43));
    });
    EXPECT_EQ(rig.events.wait_job().status, SKALD_JOB_DONE);
    other.join();
}

TEST_F(Control, HostMemoryThatRefusesIsAFault) {
    const auto beyond = rig.map_host(64u << 20, 4096);  // the host has no such memory
    expect_fault(rig.run({sem_wait(beyond, Condition::Equal, 0)}), SKALD_FAULT_HOST_ACCESS, 0,
                 beyond);
    auto copy = make(isa::Opcode::Copy);
    copy.rows = 9;
    copy.dim[0] = 100;
    copy.op[0] = at(beyond + 16);
    copy.op[1] = at(rig.alloc(100));
    Registers in{};
    in[9] = 1;
    expect_fault(rig.run({copy}, in), SKALD_FAULT_HOST_ACCESS, 0, beyond + 16);
}

TEST_F(Control, MisplacedJobsFaultBeforeTheirFirstMicroOp) {
    auto job = rig.job({end()}, {});
    auto bad = job;
    bad.program = VirtAddr(job.program.value + 8);
    expect_fault(rig.run(bad), SKALD_FAULT_ALIGNMENT, 0, bad.program.value);
    bad = job;
    bad.args = VirtAddr(job.args.value + 8);
    expect_fault(rig.run(bad), SKALD_FAULT_ALIGNMENT, 0, bad.args.value);
    bad = job;
    bad.args = VirtAddr(0x7000000000);
    expect_fault(rig.run(bad), SKALD_FAULT_UNMAPPED, 0, 0x7000000000);
    bad = job;
    bad.program = VirtAddr(0x7000000000);
    expect_fault(rig.run(bad), SKALD_FAULT_UNMAPPED, 0, 0x7000000000);
    bad = job;
    bad.program = VirtAddr(rig.map_host(0, 4096));
    expect_fault(rig.run(bad), SKALD_FAULT_HOST_OPERAND, 0, bad.program.value);
    bad = job;
    bad.profile = VirtAddr(rig.alloc(4096, 0, false));
    expect_fault(rig.run(bad), SKALD_FAULT_READONLY, 0, bad.profile.value);
}

TEST_F(Control, ProfilesCountAndAddUp) {
    Registers in{};
    in[20] = 10;
    auto job = rig.job({alu(AluOp::Add, 1, 1, 1), loop(20, 0), end()}, in);
    job.profile = VirtAddr(rig.alloc(3 * sizeof(skald_profile)));
    ASSERT_EQ(rig.run(job).status, SKALD_JOB_DONE);
    ASSERT_EQ(rig.run(job).status, SKALD_JOB_DONE);
    const auto profile = rig.get<skald_profile>(job.profile.value, 3);
    EXPECT_EQ(profile[0].count, 20u);
    EXPECT_EQ(profile[0].cycles, 0u) << "of a step without work";
    EXPECT_EQ(profile[0].bytes, 0u);
    EXPECT_EQ(profile[1].count, 20u);
    EXPECT_EQ(profile[2].count, 2u);
}

}  // namespace
}  // namespace skald::test
