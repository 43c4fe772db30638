// SPDX-License-Identifier: MIT
// What is kept of a micro-op from one time that it runs to the next saves work, and no time of the
// modelled chip: loops over random programs, with it and without it.
#include <gtest/gtest.h>

#include <random>

#include "card/snapshot/stream.hpp"
#include "paper_chip.hpp"

namespace skald::test {
namespace {

using isa::Opcode;

// Operands that move from one round to the next are based on R2.
constexpr unsigned kMoving = 2;
// And those that stay as long as the run does on R3.
constexpr unsigned kOfTheRun = 3;

struct Line {
    isa::MicroOp op;
    isa::Counts counts;
};

class RandomProgram {
  public:
    explicit RandomProgram(unsigned seed) : random_(seed) {
        for (unsigned i = 0; i < 24; ++i)
            lines_.push_back(below(3) == 0 ? append() : below(2) == 0 ? matmul() : add());
    }
    [[nodiscard]] const std::vector<Line>& lines() const { return lines_; }

  private:
    std::uint64_t below(std::uint64_t n) { return random_() % n; }
    // Of a few places, which overlap in part; now and then of one that moves.
    isa::Operand place(std::uint64_t pitch = 0) {
        isa::Operand operand = Paper::at(0x100000 + below(12) * 128, pitch);
        if (below(8) == 0)
            operand.base = below(2) == 0 ? kMoving : kOfTheRun;
        return operand;
    }
    Line matmul() {
        isa::MicroOp op = Paper::matmul(0, 0);
        op.op[0] = place();
        op.op[2] = place();
        return {op, {.rows = 1 + below(3)}};
    }
    Line add() {
        isa::MicroOp op = Paper::add(0, 0, 0, static_cast<std::uint32_t>(16 + 16 * below(6)));
        for (std::size_t i = 0; i < 3; ++i)
            op.op[i] = place(512);
        return {op, {.rows = 1 + below(4)}};
    }
    // To another layer's part of the cache each time.
    Line append() {
        isa::MicroOp op = Paper::make(Opcode::KvAppend, {2, 0, 8, 4096});
        op.op[0] = place();
        op.op[1] = place();
        op.op[2] = Paper::at(0x4000000 + below(2) * 0x10000);
        op.op[2].base = kMoving;
        return {op, {}};
    }

    std::mt19937_64 random_;
    std::vector<Line> lines_;
};

void expect_equal(const model::Timing& a, const model::Timing& b) {
    EXPECT_EQ(a.issued, b.issued);
    EXPECT_EQ(a.begin, b.begin);
    EXPECT_EQ(a.end, b.end);
    EXPECT_EQ(a.moved, b.moved);
    EXPECT_EQ(a.bound, b.bound);
    EXPECT_EQ(a.dram_bytes, b.dram_bytes);
    EXPECT_EQ(a.dynamic, b.dynamic);
}

std::vector<std::byte> saved(Paper& paper) {
    card::snapshot::Writer to;
    to.section("timeline", 1);
    paper.timeline().save(to);
    return to.finish();
}

class Kept : public ::testing::TestWithParam<double> {};  // megabytes for activations

TEST_P(Kept, OfAMicroOpWhatWasKnownBeforeChangesNoTime) {
    for (unsigned seed = 1; seed <= 8; ++seed) {
        const auto paper = [&] {
            return Paper({{Key::kSramMb, GetParam() + 0.003},
                          {Key::kPrefetchMb, 0.003},
                          {Key::kIssueWindow, 1 + seed * 3},
                          {Key::kDramLatencyNs, 40},
                          {Key::kLaunchNs, 7}});
        };
        const RandomProgram program(seed);
        Paper plain = paper();
        Paper keeps = paper();
        keeps.forget_registers();
        std::vector<model::Track> tracks(program.lines().size());
        for (unsigned round = 0; round < 60; ++round) {
            if (round % 20 == 19) {  // another run begins
                plain.reg[kOfTheRun] = keeps.reg[kOfTheRun] = round * 0x100;
                keeps.forget_registers();
            }
            plain.reg[kMoving] = round % 40 * 0x40;
            keeps.write_register(kMoving, plain.reg[kMoving]);
            for (std::size_t i = 0; i < program.lines().size(); ++i) {
                const Line& line = program.lines()[i];
                expect_equal(keeps.run(line.op, line.counts, 0, &tracks[i]),
                             plain.run(line.op, line.counts));
                if (HasFailure())
                    FAIL() << "seed " << seed << ", round " << round << ", micro-op " << i;
            }
        }
        EXPECT_EQ(keeps.timeline().totals().dynamic, plain.timeline().totals().dynamic);
        EXPECT_EQ(keeps.timeline().board().held_bytes(), plain.timeline().board().held_bytes());
        EXPECT_EQ(keeps.timeline().board().dirty_bytes(), plain.timeline().board().dirty_bytes());
        EXPECT_EQ(saved(keeps), saved(plain)) << "in a snapshot nothing of it shows";
    }
}

INSTANTIATE_TEST_SUITE_P(Sram, Kept, ::testing::Values(0.0, 0.0009, 0.002, 0.02, 1.0));

}  // namespace
}  // namespace skald::test
