// SPDX-License-Identifier: MIT
// What a guest can make the card take of its host is bounded, and what exceeds the bound is a fault
// or a refusal.
#include <gtest/gtest.h>

#include "card/budget.hpp"
#include "program.hpp"

namespace skald::test {
namespace {

using card::Budget;

TEST(Budget, CountsWhatIsTakenAndGivenBack) {
    Budget budget(1000);
    std::pmr::vector<std::byte> bytes(&budget);
    bytes.reserve(600);
    EXPECT_EQ(budget.used(), 600u);
    std::pmr::vector<std::byte> more(&budget);
    EXPECT_THROW(more.reserve(401), std::bad_alloc);
    EXPECT_THROW(budget.take(~0ull), std::bad_alloc);
    more.reserve(400);
    EXPECT_EQ(budget.used(), 1000u);
    std::pmr::vector<std::byte>(&budget).swap(bytes);
    EXPECT_EQ(budget.used(), 400u);
}

TEST(Budget, AnArenaGrowsWithinItAndASecondTryFindsItWhole) {
    Budget budget(1000);
    card::Arena arena(budget);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(arena.get(300)) % 64, 0u);
    EXPECT_EQ(arena.get(200), arena.get(300));
    EXPECT_THROW((void)arena.get(1001), std::bad_alloc);
    EXPECT_NE(arena.get(1000), nullptr);
    arena.release();
    EXPECT_EQ(budget.used(), 0u);
}

TEST(Budget, PagesAreZeroAlignedAndGivenBack) {
    Budget budget(1u << 20);
    {
        const card::ZeroedPages pages(budget, 1u << 20);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pages.bytes().data()) % SKALD_PAGE_SIZE, 0u);
        for (std::byte b : pages.bytes())
            ASSERT_EQ(b, std::byte{0});
        EXPECT_THROW(card::ZeroedPages(budget, 4096), std::bad_alloc);
        EXPECT_EQ(card::ZeroedPages(budget, 0).bytes().size(), 0u);
    }
    EXPECT_EQ(budget.used(), 0u);
}

RigOptions bounded(std::uint64_t bytes) {
    RigOptions options;
    options.card.threads = 2;
    options.card.host_memory = bytes;
    options.memory = 512u << 20;
    return options;
}

TEST(HostMemory, QueuesBeyondItAreRefusedAndLeaveNothing) {
    Rig rig(bounded(32u << 20));  // 16 MiB of scratch, of which the rig's own queue has 64 KiB
    auto hw = rig.queue;
    hw.scratch_bytes = SKALD_SCRATCH_MAX;
    for (std::uint32_t id : {1u, 2u, 3u})
        ASSERT_TRUE(rig.engine->set_queue(id, hw));
    EXPECT_FALSE(rig.engine->set_queue(4, hw));
    hw.scratch_bytes = SKALD_SCRATCH_MAX - (64u << 10);
    EXPECT_TRUE(rig.engine->set_queue(4, hw));
    hw.scratch_bytes = 4096;
    EXPECT_FALSE(rig.engine->set_queue(5, hw));
    rig.engine->clear_queue(2);
    EXPECT_TRUE(rig.engine->set_queue(5, hw));
    EXPECT_EQ(rig.run(Program{}).status, SKALD_JOB_DONE);
}

// A row of logits is copied where they are penalised: 64 MiB for the largest vocabulary.
isa::MicroOp sample(Rig& rig, std::uint32_t n) {
    isa::Sequence sequence{};
    sequence.temperature = 1.0f;
    auto op = make(isa::Opcode::Sample);
    op.rows = 9;
    op.dim = {n, 4};
    op.op[0] = at(rig.alloc(std::uint64_t{n} * 4));
    op.op[1] = at(rig.put(std::vector<isa::Sequence>{sequence}));
    op.op[2] = at(rig.alloc(4));
    op.op[3] = at(rig.alloc(8));
    op.op[4] = at(rig.alloc(16));
    return op;
}

TEST(HostMemory, AMicroOpThatNeedsMoreFaultsAndTheNextJobRuns) {
    Rig rig(bounded(32u << 20));
    Registers in{};
    in[9] = 1;
    const auto small = sample(rig, 1u << 16);
    EXPECT_EQ(rig.run({small}, in).status, SKALD_JOB_DONE);
    const auto result = rig.run({small, sample(rig, isa::kMaxN)}, in);
    EXPECT_EQ(result.status, SKALD_JOB_FAULT);
    EXPECT_EQ(result.reason, SKALD_FAULT_HOST_MEMORY);
    EXPECT_EQ(result.op_index, 1u);
    EXPECT_EQ(result.address.value, 0u);
    EXPECT_EQ(rig.run({small}, in).status, SKALD_JOB_DONE);
}

// What one micro-op leaves behind for the next to use does not count against that.
TEST(HostMemory, WhatAMicroOpMayTakeDoesNotDependOnTheOnesBefore) {
    Rig rig(bounded(256u << 20));
    const auto large = sample(rig, isa::kMaxN);  // one of its two copies in each arena
    const std::uint32_t n = 16;
    auto product = make(isa::Opcode::MatMul);
    product.fmt = static_cast<std::uint8_t>(isa::WeightFormat::F32);
    product.rows = 10;
    product.dim = {n, isa::kMaxK};
    product.op[0] = at(rig.alloc(isa::kMaxK * 4ull * 16));
    product.op[1] = at(rig.alloc(isa::matrix_bytes(isa::WeightFormat::F32, n, isa::kMaxK)));
    product.op[2] = at(rig.alloc(n * 4 * 16));
    Registers in{};
    in[9] = 1;
    in[10] = 16;
    for (const Program& program :
         {Program{large}, Program{product}, Program{large, product, large}})
        EXPECT_EQ(rig.run(program, in).reason, SKALD_FAULT_NONE);
}

// The longest rows of activations are laid out a few at a time.
TEST(HostMemory, ProductsOfLongRowsNeedNoMoreForMoreRows) {
    for (isa::WeightFormat format : {isa::WeightFormat::I8B32, isa::WeightFormat::F32}) {
        Rig rig(bounded(160u << 20));
        auto op = make(isa::Opcode::MatMul);
        op.fmt = static_cast<std::uint8_t>(format);
        op.rows = 9;
        op.dim = {16, isa::kMaxK};
        op.op[0] = at(rig.alloc(isa::kMaxK * 4ull * 70));
        op.op[1] = at(rig.alloc(isa::matrix_bytes(format, 16, isa::kMaxK)));
        op.op[2] = at(rig.alloc(16 * 4 * 70));
        Registers in{};
        in[9] = 70;
        EXPECT_EQ(rig.run({op}, in).reason, SKALD_FAULT_NONE);
    }
}

// Profiles lie in the job's own buffer: preempted jobs hold nothing of the host's for them.
TEST(HostMemory, ProfilesAreCountedInTheJobsBuffer) {
    Rig rig;
    Program program(100, alu(isa::AluOp::Add, 1, 1, 1));
    program.push_back(end());
    auto job = rig.job(program, {});
    job.profile = card::VirtAddr(rig.alloc(program.size() * sizeof(skald_profile)));
    for (std::uint64_t round = 1; round <= 3; ++round) {
        ASSERT_EQ(rig.run(job).status, SKALD_JOB_DONE);
        for (const skald_profile& p : rig.get<skald_profile>(job.profile.value, program.size())) {
            ASSERT_EQ(p.count, round);
            ASSERT_EQ(p.cycles, 0u) << "of a step without work";
        }
    }
}

}  // namespace
}  // namespace skald::test
