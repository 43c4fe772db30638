// SPDX-License-Identifier: MIT
// Programs whose times are worked out on paper: one for each resource and each reason to wait. On
// the chip of paper_chip.hpp bytes of card memory, products and element operations take 1 ns each.
#include <gtest/gtest.h>

#include "card/model/positions.hpp"
#include "paper_chip.hpp"

namespace skald::test {
namespace {

using isa::Opcode;
using model::Bound;

constexpr std::uint64_t kX = 0x100000, kY = 0x200000, kZ = 0x300000, kHuge = 1'000'000'000;

// What of x comes from card memory the first time: a row of 64 floats.
constexpr std::uint64_t kInput = 256;
constexpr std::uint64_t kWeights = 1088;
constexpr std::uint64_t kProducts = 1024;

TEST(Timeline, StreamingKeepsCardMemoryBusy) {
    Paper paper;
    // x, then weights: 256 + 1,088; the products (from the first weights on) are done before that.
    auto t = paper.run(Paper::matmul(kX, kY));
    EXPECT_EQ(t.begin, ns(kInput));
    EXPECT_EQ(t.end, ns(kInput + kWeights));
    EXPECT_EQ(t.bound, Bound::kDram);
    // From then on x lies on the chip: nothing but weights, which never stop, whatever y waits for.
    for (std::uint64_t i = 2; i <= 5; ++i) {
        t = paper.run(Paper::matmul(kX, kY));
        EXPECT_EQ(t.end, ns(kInput + i * kWeights));
        EXPECT_EQ(t.launch, 0u);
        EXPECT_EQ(t.moved, ns(kWeights));
        EXPECT_EQ(t.dram_bytes, kWeights);
    }
    EXPECT_EQ(paper.timeline().makespan(), ns(kInput + 5 * kWeights));
}

TEST(Timeline, ComputeBoundTakesWhatTheProductsTake) {
    Paper paper;
    const isa::Counts rows{.rows = 4};
    auto t = paper.run(Paper::matmul(kX, kY), rows);
    EXPECT_EQ(t.begin, ns(4 * kInput)) << "with the first weights, behind the input";
    EXPECT_EQ(t.end, ns(4 * kInput + 4 * kProducts));
    EXPECT_EQ(t.bound, Bound::kArray);
    // Its weights have streamed in meanwhile.
    t = paper.run(Paper::matmul(kX, kY), rows);
    EXPECT_EQ(t.begin, ns(4 * kInput + 4 * kProducts));
    EXPECT_EQ(t.moved, ns(4 * kProducts));
}

TEST(Timeline, AnArrayThatIsNotFullTakesAsLongAsAFullOne) {
    Paper paper({{Key::kArrayRows, 8}, {Key::kArrayFillNs, 10}});
    auto t = paper.run(Paper::matmul(kX, kY), {.rows = 3});
    EXPECT_EQ(t.end - t.begin, ns(8 * kProducts + 10));
    t = paper.run(Paper::matmul(kX, kY), {.rows = 9});
    EXPECT_EQ(t.end - t.begin, ns(9 * kProducts + 10));
}

TEST(Timeline, ARowEntersTheArrayByItsWidthAndThoseBehindItInItsShade) {
    Paper paper({{Key::kArrayEntryPs, 500}, {Key::kDramGbs, kHuge}});
    for (const std::uint32_t rows : {1u, 3u}) {
        const auto t = paper.run(Paper::matmul(kX, kY), {.rows = rows});
        EXPECT_EQ(t.end - t.begin, ns(rows * kProducts + 64 / 2)) << "64 elements";
    }
    const auto sum = paper.run(Paper::add(kX, kY, kZ, 100));
    EXPECT_EQ(sum.end - sum.begin, ns(100)) << "not for the vector unit";
}

TEST(Timeline, DependentMicroOpsFollowEachOtherAndEachIsLaunched) {
    Paper paper({{Key::kLaunchNs, 7}, {Key::kIssueNs, 1}});
    // The operands are inputs, 400 bytes each, the first time.
    auto t = paper.run(Paper::add(kX, kY, kZ, 100));
    EXPECT_EQ(t.issued, ns(1));
    EXPECT_EQ(t.begin, ns(8));
    EXPECT_EQ(t.end, ns(8 + 800));
    t = paper.run(Paper::add(kZ, kY, kZ, 100));
    EXPECT_EQ(t.issued, ns(2)) << "the sequencer runs ahead";
    EXPECT_EQ(t.begin, ns(808 + 7));
    EXPECT_EQ(t.end, ns(808 + 7 + 100));
    EXPECT_EQ(t.moved, ns(7 + 100));
    EXPECT_EQ(t.launch, ns(7)) << "the sequencer's, not the vector unit's";
    EXPECT_EQ(t.bound, Bound::kVector);
}

TEST(Timeline, ReadersOfWhatIsOverwrittenComeFirst) {
    Paper paper({{Key::kDramGbs, kHuge}});
    const auto slow = paper.run(Paper::matmul(kX, kY), {.rows = 4});
    // Writes x, on another engine, while the product reads it.
    const auto t = paper.run(Paper::add(kZ, kZ, kX, 64));
    EXPECT_EQ(t.begin, slow.end);
}

TEST(Timeline, IndependentMicroOpsOverlapOnTheirEngines) {
    Paper paper({{Key::kDramGbs, kHuge}});
    const auto product = paper.run(Paper::matmul(kX, kY), {.rows = 4});
    const auto first = paper.run(Paper::add(kZ, kZ, kZ, 1000));
    const auto second = paper.run(Paper::add(kZ + 0x10000, kZ, kZ + 0x20000, 1000));
    EXPECT_EQ(product.end, product.begin + ns(4096));
    EXPECT_LT(first.begin, ns(1));
    EXPECT_EQ(first.end - first.begin, ns(1000));
    EXPECT_EQ(second.begin, first.end) << "one engine";
    EXPECT_EQ(second.moved, 0u) << "in the shade of the product";
    EXPECT_EQ(paper.timeline().makespan(), product.end);
}

TEST(Timeline, NeighbouringColumnsAreNoReasonToWait) {
    Paper paper({{Key::kDramGbs, kHuge}});
    const std::uint64_t pitch = 512;
    isa::MicroOp left = Paper::matmul(kX, kY);
    left.op[2] = Paper::at(kY, pitch);
    const auto product = paper.run(left, {.rows = 4});
    isa::MicroOp right = Paper::add(kZ, kZ, kY + 64, 16);
    right.op[2].pitch = pitch / 16;
    const auto beside = paper.run(right, {.rows = 4});
    EXPECT_LT(beside.end, product.end) << "columns 16 to 31 of the same rows";
    right.op[2].offset = kY + 60;  // one element further to the left
    EXPECT_GE(paper.run(right, {.rows = 4}).begin, product.end);
}

TEST(Timeline, AFullPrefetchBufferHoldsWeightsBack) {
    Paper paper({{Key::kPrefetchMb, 0.000544}});  // half of a product's weights
    const isa::Counts rows{.rows = 4};
    const auto first = paper.run(Paper::matmul(kX, kY), rows);
    EXPECT_EQ(first.end, ns(1024 + 4096));
    // Half of its weights at a time in the buffer: the next product's first half streams in as this
    // one uses its last up, its second half when it begins itself: 544 ns, in the shade of 4,096.
    const auto second = paper.run(Paper::matmul(kX, kY), rows);
    EXPECT_EQ(second.begin, first.end);
    EXPECT_EQ(second.end, first.end + ns(4096));
    // With one row there is no shade: 544 ns for the second half, longer than the products' rest.
    Paper thin({{Key::kPrefetchMb, 0.000544}, {Key::kInt8Tops, 2000}, {Key::kVectorGops, kHuge}});
    const auto a = thin.run(Paper::matmul(kX, kY));
    const auto b = thin.run(Paper::matmul(kX, kY));
    EXPECT_EQ(b.end, a.end + ns(kWeights));
}

TEST(Timeline, WithoutPrefetchWeightsComeWhenTheyAreNeeded) {
    Paper paper({{Key::kPrefetchMb, 0}, {Key::kDramLatencyNs, 50}});
    const auto first = paper.run(Paper::matmul(kX, kY));
    EXPECT_EQ(first.end, ns(kInput + kWeights + 50));
    const auto second = paper.run(Paper::matmul(kX, kY));
    EXPECT_EQ(second.begin, first.end + ns(50)) << "from the end of the one before, a latency";
    EXPECT_EQ(second.end, first.end + ns(50 + kWeights));
}

TEST(Timeline, WhatDoesNotFitOnTheChipGoesToCardMemory) {
    // Room for one of the two: 400 bytes each, in 600.
    Paper paper({{Key::kSramMb, 0.0006}, {Key::kPrefetchMb, 0}});
    auto t = paper.run(Paper::add(kX, kX, kY, 100));  // x comes in, y pushes it out
    EXPECT_EQ(t.dram_bytes, 400u);
    t = paper.run(Paper::add(kY, kY, kZ, 100));  // y is there, z pushes it out: 400 bytes
    EXPECT_EQ(t.dram_bytes, 400u);
    EXPECT_EQ(t.end - t.begin, ns(400));
    t = paper.run(Paper::add(kY, kY, kX, 100));  // y comes back, z and y make room
    EXPECT_EQ(t.dram_bytes, 400u + 400u);
    // Larger than all of it: never on the chip, each operand by itself.
    t = paper.run(Paper::add(kHuge, kHuge, 2 * kHuge, 200));
    EXPECT_EQ(t.dram_bytes, 3 * 800u);
}

TEST(Timeline, OfNarrowerActivationsMoreFitAndWhatDoesNotIsLess) {
    // As above, of half the bytes each: x and y fit into half of what took all of both.
    model::Widths widths;
    widths.activations = 0.5;
    Paper paper({{Key::kSramMb, 0.0004}, {Key::kPrefetchMb, 0}}, widths);
    auto t = paper.run(Paper::add(kX, kX, kY, 100));  // x comes in, y has room beside it
    EXPECT_EQ(t.dram_bytes, 200u);
    EXPECT_EQ(t.end - t.begin, ns(200));
    t = paper.run(Paper::add(kY, kY, kZ, 100));  // x, which card memory has, makes room
    EXPECT_EQ(t.dram_bytes, 0u);
    t = paper.run(Paper::add(kHuge, kHuge, 2 * kHuge, 300));
    EXPECT_EQ(t.dram_bytes, 3 * 600u);
}

TEST(Timeline, SramBoundTakesWhatItsPortTakes) {
    Paper paper({{Key::kDramGbs, kHuge}, {Key::kSramGbs, 0.5}});
    const auto t = paper.run(Paper::add(kX, kY, kZ, 100));
    EXPECT_EQ(t.end - t.begin, ns(2 * 1200)) << "two operands in, one out, 2 ns a byte";
    EXPECT_EQ(t.bound, Bound::kSram);
}

TEST(Timeline, HostLinkBoundTakesWhatTheLinkTakes) {
    Paper paper({{Key::kHostGbs, 0.25}, {Key::kHostLatencyNs, 30}});
    isa::MicroOp copy = Paper::make(Opcode::Copy, {1000});
    copy.op[0] = Paper::at(kY);
    copy.op[1] = Paper::at(kX);
    const auto t = paper.run(copy, {.host_in = true});
    EXPECT_EQ(t.end, ns(4 * 1000 + 30));
    EXPECT_EQ(t.bound, Bound::kHost);
}

TEST(Timeline, KeysAndValuesAreReadOnceForTheRowsThatShareThem) {
    model::Positions positions;
    for (std::uint32_t p = 0; p < 4; ++p)
        positions.add(7, 0, p);
    positions.add(9, 10, 12);  // a window of 3
    positions.add(9, 11, 13);
    EXPECT_EQ(positions.attended(), 1u + 2 + 3 + 4 + 3 + 3);
    EXPECT_EQ(positions.shared(), 4u + 4);

    Paper paper;
    isa::MicroOp op = Paper::make(Opcode::Attention, {2, 1, 16, 4096});
    op.fmt = static_cast<std::uint8_t>(isa::KvFormat::F16);
    op.op[0] = Paper::at(kX);
    op.op[1] = Paper::at(kZ);
    op.op[2] = Paper::at(kY);
    op.op[3] = Paper::at(kX + 0x1000);
    op.op[4] = Paper::at(kX + 0x2000, 16);
    const auto t = paper.run(op, {.rows = 6, .positions = 16, .shared = 8});
    // q 6 x 128 bytes and 6 row entries as inputs, keys and values 8 x 64 bytes.
    EXPECT_EQ(t.dram_bytes, 6 * 128u + 6 * 8 + 8 * 64);
    EXPECT_EQ(t.end, ns(6 * 128 + 6 * 8 + 8 * 64)) << "2 heads x 32 x 16 products take less";
}

TEST(Timeline, SoftmaxAndQuantisationAreNotFree) {
    const auto vec = [](isa::MicroOp op, isa::Counts counts) {
        return isa::find_op(op.opcode)->work(op, counts).vec;
    };
    isa::MicroOp attention = Paper::make(Opcode::Attention, {2, 1, 16, 4096});
    attention.fmt = static_cast<std::uint8_t>(isa::KvFormat::F16);
    EXPECT_EQ(vec(attention, {.rows = 1, .positions = 10, .shared = 10}), 12u * 2 * 10);
    attention.fmt = static_cast<std::uint8_t>(isa::KvFormat::I8);
    EXPECT_EQ(vec(attention, {.rows = 1, .positions = 10, .shared = 10}), 12u * 2 * 10 + 32);
    EXPECT_EQ(vec(Paper::matmul(kX, kY), {.rows = 3}), 3u * 64);
    isa::MicroOp quantised = Paper::matmul(kX, kY);
    quantised.flags = isa::kFlagXQ8;
    EXPECT_EQ(vec(quantised, {.rows = 3}), 0u) << "a QUANT has done it";
}

// The control micro-ops between two steps are the boundary's, however many.
TEST(Timeline, ATokenBoundaryTakesTheSameWhereverTheRunIsCut) {
    const std::initializer_list<std::pair<Key, double>> kFigures = {
        {Key::kBoundaryNs, 40}, {Key::kIssueNs, 1}, {Key::kDramGbs, kHuge}};
    const auto step = [](Paper& paper) { return paper.run(Paper::add(kX, kX, kX, 100)); };
    const isa::MicroOp alu = Paper::make(Opcode::Alu);
    Paper whole(kFigures);
    auto t = step(whole);
    EXPECT_EQ(t.end / 1000, 40u + 1 + 100);
    whole.run(Paper::make(Opcode::Budget));
    whole.run(alu);
    t = step(whole);
    // The sequencer went on at 41: BUDGET, the boundary and the micro-op end at 83.
    EXPECT_EQ(t.issued, ns(41 + 1 + 40 + 1));
    EXPECT_EQ(t.end / 1000, 241u);

    Paper cut(kFigures);
    step(cut);
    cut.run(Paper::make(Opcode::Budget));
    cut.run(Paper::make(Opcode::End));
    cut.timeline().begin_job(true);
    for (int i = 0; i < 9; ++i)
        cut.run(alu);
    const auto after = step(cut);
    EXPECT_EQ(after.issued, t.issued);
    EXPECT_EQ(after.end, t.end);

    cut.timeline().begin_job(false);
    EXPECT_EQ(cut.timeline().makespan(), 0u) << "another run";
    EXPECT_EQ(step(cut).end / 1000, 141u);
}

TEST(Timeline, BranchesWaitForWhatTheyDependOn) {
    Paper paper({{Key::kIssueNs, 1}, {Key::kDramGbs, kHuge}, {Key::kHostLatencyNs, 500}});
    paper.run(Paper::add(kX, kX, kX, 10));  // not between two steps any more
    isa::MicroOp out = Paper::make(Opcode::TokenOut);
    out.rd = 20;
    out.ra = 21;
    out.rb = 22;
    for (unsigned i : {0u, 1u, 3u})
        out.op[i] = Paper::at(kY + i * 0x10000);
    const auto token = paper.run(out, {.rows = 1, .tokens = 1});
    EXPECT_EQ(token.bound, Bound::kHost);
    isa::MicroOp alu = Paper::make(Opcode::Alu);
    alu.rd = 5;
    EXPECT_LT(paper.run(alu).end, token.end) << "knows nothing of it";
    isa::MicroOp branch = Paper::make(Opcode::Branch);
    branch.aux = static_cast<std::uint8_t>(isa::Condition::Equal);
    branch.flags = isa::kFlagImm;
    branch.ra = 20;
    EXPECT_EQ(paper.run(branch).end, token.end + ns(1));
}

TEST(Timeline, TheIssueWindowBoundsHowFarTheSequencerRunsAhead) {
    Paper paper({{Key::kIssueWindow, 2}, {Key::kIssueNs, 1}, {Key::kDramGbs, kHuge}});
    const auto first = paper.run(Paper::add(kX, kX, kX, 100));
    EXPECT_EQ(paper.run(Paper::add(kX, kX, kX, 100)).issued, ns(2));
    EXPECT_EQ(paper.run(Paper::add(kX, kX, kX, 100)).issued, first.end + ns(1));
}

TEST(Timeline, EnergyIsThatOfItsParts) {
    Paper paper({{Key::kPjMacInt8, 2},
                 {Key::kPjVector, 3},
                 {Key::kPjBitDram, 5},
                 {Key::kPjBitSram, 0.5},
                 {Key::kStaticW, 4}});
    const auto t = paper.run(Paper::matmul(kX, kY));
    const auto part = [&](model::Part p) { return t.energy[static_cast<std::size_t>(p)]; };
    EXPECT_EQ(part(model::Part::kMac), 1024u * 2000);
    EXPECT_EQ(part(model::Part::kVector), 64u * 3000);
    EXPECT_EQ(part(model::Part::kDram), (1088u + 256) * 8 * 5000);
    EXPECT_EQ(part(model::Part::kSram), (256u + 64) * 8 * 500);
    EXPECT_EQ(t.dynamic, 1024u * 2000 + 64u * 3000 + 1344u * 40000 + 320u * 4000);
    EXPECT_EQ(paper.timeline().static_energy(ns(10)), 10u * 4000 * 1000) << "4 W: 4,000 pJ a ns";
}

// Counted apart, since host time decides how many there are.
TEST(Apart, AJobTakesWhatIsFetchedAndStoredForIt) {
    Paper paper({{Key::kHostGbs, 0.5}, {Key::kHostLatencyNs, 30}, {Key::kDramLatencyNs, 7}});
    const auto plain = model::cost_of_job(paper.rates(), 0);
    // Ring entry and completion over the host's link at 2 ns a byte, the argument block.
    EXPECT_EQ(plain.time, ns(2 * (64 + 64) + 2 * 30 + 512 + 7));
    const auto storing = model::cost_of_job(paper.rates(), 3);
    EXPECT_EQ(storing.time - plain.time, ns(3 * 8 + 7)) << "registers that END stores";
}

TEST(Apart, APreemptionTakesRegistersAndWhatTheChipHoldsOutAndBack) {
    Paper paper({{Key::kDramLatencyNs, 7}, {Key::kPjBitDram, 1}, {Key::kStaticW, 2}});
    const auto none = model::cost_of_preemption(paper.rates(), paper.timeline().board());
    EXPECT_EQ(none.time, ns(2 * (512 + 7)));
    paper.run(Paper::add(kX, kX, kY, 100));  // x was read: 400 bytes; y is nowhere else: 400 bytes
    const auto some = model::cost_of_preemption(paper.rates(), paper.timeline().board());
    EXPECT_EQ(some.time, ns(512 + 400 + 7 + 512 + 800 + 7));
    EXPECT_EQ(some.energy, (2 * 512 + 1200) * 8 * 1000u + some.time * 2000u)
        << "1 pJ a bit, and 2 W all the time: 2,000 fJ a ps";
}

TEST(Timeline, MovedEndsAddUpToTheWhole) {
    Paper paper({{Key::kLaunchNs, 3}, {Key::kBoundaryNs, 5}, {Key::kIssueNs, 1}});
    model::Ps sum = 0;
    for (std::uint64_t i = 0; i < 200; ++i) {
        const std::uint64_t y = kY + i % 7 * 0x40;
        sum +=
            paper.run(i % 3 == 0 ? Paper::matmul(kX, y) : Paper::add(kX, y, kZ + i % 5, 16)).moved;
        if (i % 11 == 0)
            sum += paper.run(Paper::make(Opcode::Budget)).moved;
    }
    EXPECT_EQ(sum, paper.timeline().makespan());
}

// A snapshot in the middle, or more ranges than are remembered, change no time.
TEST(Timeline, SnapshotsAndForgottenRangesChangeNothing) {
    const auto program = [](std::uint64_t i) {
        return i % 4 == 3 ? Paper::matmul(kX + i % 600 * 256, kY)
                          : Paper::add(kX + i % 600 * 256, kY, kZ + i % 300 * 512, 64);
    };
    Paper whole({{Key::kLaunchNs, 3}});
    Paper saved({{Key::kLaunchNs, 3}});
    for (std::uint64_t i = 0; i < 2000; ++i) {
        const auto a = whole.run(program(i));
        if (i % 97 == 0) {
            card::snapshot::Writer to;
            to.section("timeline", 1);
            saved.timeline().save(to);
            const auto bytes = to.finish();
            card::snapshot::Reader from(bytes);
            from.section("timeline", 1);
            saved.timeline().load(from);
            from.finish();
        }
        const auto b = saved.run(program(i));
        ASSERT_EQ(a.begin, b.begin) << i;
        ASSERT_EQ(a.end, b.end) << i;
        ASSERT_EQ(a.dram_bytes, b.dram_bytes) << i;
    }
}

// A link of a byte a nanosecond, 5 ns long; an exchange costs 11 more whatever its size.
Paper linked_paper() {
    return Paper({{Key::kDramGbs, kHuge},
                  {Key::kLinkGbs, 1},
                  {Key::kLinkLatencyNs, 5},
                  {Key::kSyncNs, 11},
                  {Key::kPjBitLink, 2}});
}

TEST(Timeline, LinkBoundSendingTakesWhatTheLinkTakes) {
    Paper paper = linked_paper();
    isa::MicroOp send = Paper::make(Opcode::Send, {256, 1});
    send.op[0] = Paper::at(kX);
    auto t = paper.run(send);
    EXPECT_EQ(t.end, ns(256));
    EXPECT_EQ(t.bound, Bound::kLink);
    EXPECT_EQ(t.energy[static_cast<std::size_t>(model::Part::kLink)], 256u * 8 * 2000);
    t = paper.run(send, {.rows = 3});
    EXPECT_EQ(t.end, ns(256 + 3 * 256)) << "one behind the other";
    EXPECT_EQ(t.moved, ns(3 * 256));
}

TEST(Timeline, AReceiverWaitsForWhatWasSentAndForItsWay) {
    Paper paper = linked_paper();
    isa::MicroOp recv = Paper::make(Opcode::Recv, {256, 1});
    recv.op[0] = Paper::at(kX);
    auto t = paper.run(recv, {}, ns(1000));
    EXPECT_EQ(t.end, ns(1000 + 5 + 11));
    EXPECT_EQ(t.bound, Bound::kLink);
    EXPECT_EQ(t.moved, ns(1016)) << "waiting counts as the link's";
    // What came long ago costs no more than looking.
    paper.run(Paper::matmul(kX, kY), {.rows = 4});
    t = paper.run(recv, {}, ns(1001));
    EXPECT_LT(t.moved, ns(16));
    // Where nobody says when, it is sent when this chip is ready for it.
    const model::Ps before = paper.timeline().makespan();
    t = paper.run(recv);
    EXPECT_EQ(t.end - t.begin, ns(256 + 5 + 11));
    EXPECT_GE(t.begin, before - ns(16));
}

TEST(Timeline, GatheringSendsItsPartToAllOthersAndSumsGoRoundTwice) {
    Paper paper = linked_paper();
    isa::MicroOp gather = Paper::make(Opcode::AllGather, {64, 4 | 2 << 16, 0});
    gather.op[0] = Paper::at(kX);
    auto t = paper.run(gather, {.rows = 2});
    EXPECT_EQ(t.end - t.begin, ns(2 * 3 * 64 + 5 + 11));
    EXPECT_EQ(t.bound, Bound::kLink);
    isa::MicroOp pair = gather;
    pair.flags = isa::kFlagPair;
    pair.dim[3] = 8;
    pair.op[1] = Paper::at(kY);
    t = paper.run(pair, {.rows = 2});
    EXPECT_EQ(t.end - t.begin, ns(2 * 3 * (64 + 8) + 5 + 11));
    isa::MicroOp reduce = Paper::make(Opcode::AllReduce, {64, 4, 0});
    reduce.op[0] = Paper::at(kZ);
    t = paper.run(reduce);
    EXPECT_EQ(t.end - t.begin, ns(2 * 3 * 64 + 5 + 11));
}

}  // namespace
}  // namespace skald::test
