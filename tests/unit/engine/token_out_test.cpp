// SPDX-License-Identifier: MIT
// TOKEN_OUT: the token ring, the sequence table, progress and its interrupts.
#include <gtest/gtest.h>

#include <cstring>

#include "program.hpp"

namespace skald::test {
namespace {

class TokenOut : public ::testing::Test {
  protected:
    Rig rig;
    std::vector<isa::Sequence> sequences{4};
    std::vector<isa::Row> rows = {{0, 10}, {1, 20}, {3, 30}};
    std::vector<std::uint32_t> tokens = {100, 101, 102};
    std::uint64_t table = 0;
    std::uint64_t ring = 0;

    void SetUp() override {
        for (auto& s : sequences)
            s.remaining = 5;
    }
    isa::MicroOp prepare() {
        table = rig.put(sequences);
        ring = rig.map_host(65536, 4096);
        auto op = make(isa::Opcode::TokenOut);
        op.rows = 9;
        op.rd = 1;
        op.ra = 2;
        op.rb = 3;
        op.op[0] = at(rig.put(tokens));
        op.op[1] = at(table);
        op.op[2] = at(ring);
        op.op[3] = at(rig.put(rows));
        return op;
    }
    Registers registers(std::uint64_t index, std::uint64_t mask) {
        Registers in{};
        in[2] = index;
        in[3] = mask;
        in[9] = rows.size();
        return in;
    }
    skald_token token(std::uint64_t slot) {
        skald_token t;
        std::memcpy(&t, rig.host.at(65536 + slot * sizeof(t)), sizeof(t));
        return t;
    }
    std::uint64_t progress() {
        std::uint64_t value = 0;
        std::memcpy(&value, rig.host.at(0), 8);
        return value;
    }
    // R1 and R2 after the program.
    std::pair<std::uint64_t, std::uint64_t> run(Program program, const Registers& in) {
        program.push_back(end(isa::EndStatus::Done, 0x6));
        const auto job = rig.job(program, in);
        const auto result = rig.run(job);
        EXPECT_EQ(result.status, SKALD_JOB_DONE) << "reason " << result.reason;
        const auto words = rig.get<std::uint64_t>(job.args.value, 3);
        return {words[1], words[2]};
    }
};

TEST_F(TokenOut, WritesEntriesAndAdvancesProgress) {
    const auto [active, index] = run({prepare()}, registers(6, 7));
    EXPECT_EQ(active, 3u);
    EXPECT_EQ(index, 9u);
    EXPECT_EQ(progress(), 3u);
    EXPECT_EQ(token(6).token, 100u);
    EXPECT_EQ(token(7).sequence, 1u);
    EXPECT_EQ(token(0).token, 102u) << "the ring wraps";
    EXPECT_EQ(token(0).position, 30u);
    EXPECT_EQ(token(0).flags, 0u);
    EXPECT_EQ(rig.get<isa::Sequence>(table, 4)[3].remaining, 4u);
}

TEST_F(TokenOut, StopsSequencesByTokenAndByCount) {
    sequences[0].n_stop = 2;
    sequences[0].stop[1] = 100;
    sequences[1].remaining = 1;
    const auto op = prepare();
    const auto [active, index] = run({op, op}, registers(0, 63));
    EXPECT_EQ(active, 1u);
    EXPECT_EQ(index, 4u) << "the second time only sequence 3 goes on";
    EXPECT_EQ(token(0).flags, SKALD_TOKEN_STOP | SKALD_TOKEN_LAST);
    EXPECT_EQ(token(1).flags, SKALD_TOKEN_LAST);
    EXPECT_EQ(token(2).flags, 0u);
    EXPECT_EQ(token(3).sequence, 3u);
    const auto after = rig.get<isa::Sequence>(table, 4);
    EXPECT_EQ(after[0].flags, isa::kSequenceStopped);
    EXPECT_EQ(after[1].flags, isa::kSequenceStopped);
    EXPECT_EQ(after[1].remaining, 0u);
    EXPECT_EQ(after[3].remaining, 3u);
}

TEST_F(TokenOut, TheRingMayLieInCardMemory) {
    auto op = prepare();
    const auto card = rig.alloc(1024);
    op.op[2] = at(card);
    run({op}, registers(1, 3));
    EXPECT_EQ(rig.get<skald_token>(card, 4)[2].token, 101u);
}

TEST_F(TokenOut, BadRingsAndStopListsFault) {
    const auto op = prepare();
    EXPECT_EQ(rig.run({op}, registers(0, 5)).reason, SKALD_FAULT_VALUE);
    sequences[1].n_stop = isa::kMaxStop + 1;
    rig.write(table, sequences.data(), sequences.size() * sizeof(isa::Sequence));
    const auto result = rig.run({op}, registers(0, 7));
    EXPECT_EQ(result.reason, SKALD_FAULT_VALUE);
    EXPECT_EQ(result.address.value,
              table + sizeof(isa::Sequence) + offsetof(isa::Sequence, n_stop));
}

TEST_F(TokenOut, EveryTokenInterruptsWithoutCoalescing) {
    rows.resize(1);
    tokens.resize(1);
    const auto op = prepare();
    run({op, op, op}, registers(0, 63));
    EXPECT_EQ(rig.interrupts.count(1), 3u);
}

TEST_F(TokenOut, InterruptsAreCoalescedByCountFirstAndLastAtOnce) {
    rig.engine->clear_queue(0);
    rig.queue.coalesce_tokens = 4;
    rig.queue.coalesce_us = 1000000;
    ASSERT_TRUE(rig.engine->set_queue(0, rig.queue));
    rows.resize(1);
    tokens.resize(1);
    sequences[0].remaining = 100;
    const auto op = prepare();
    Program program = {op, loop(20, 0)};
    auto in = registers(0, 63);
    in[20] = 10;
    run(program, in);
    // The first; then after 4 and 8 more; the last one at the end of the job.
    EXPECT_EQ(rig.interrupts.count(1), 4u);
    EXPECT_EQ(progress(), 10u);
}

TEST_F(TokenOut, InterruptsHeldBackComeAfterTheirTime) {
    rig.engine->clear_queue(0);
    rig.queue.coalesce_tokens = 0;
    rig.queue.coalesce_us = 100;
    ASSERT_TRUE(rig.engine->set_queue(0, rig.queue));
    rows.resize(1);
    tokens.resize(1);
    const auto op = prepare();
    rig.clock.set_step(1000);
    // Two tokens, then other work for long enough that the second is announced before the end.
    const auto gate = rig.put(std::vector<std::uint64_t>{0});
    Program program = {op, op};
    for (int i = 0; i < 3000; ++i)
        program.push_back(alu(isa::AluOp::Add, 5, 5, 1));
    program.push_back(sem_wait(gate, isa::Condition::Equal, 1));
    program.push_back(end());
    rig.engine->launch(rig.job(program, registers(0, 63)));
    while (rig.interrupts.count(1) < 2) {
    }
    rig.signal(gate, 1);
    EXPECT_EQ(rig.events.wait_job().status, SKALD_JOB_DONE);
    EXPECT_EQ(rig.interrupts.count(1), 2u);
}

}  // namespace
}  // namespace skald::test
