// SPDX-License-Identifier: MIT
// ROUTE, MATMUL with GROUPED, COMBINE.
#include <cmath>

#include "setup.hpp"

namespace skald::test {
namespace {

using isa::Score;
using isa::WeightFormat;
using oracle::Floats;

constexpr std::uint8_t kRows = 10;  // register with a number of rows that are not T

class Experts : public OnEverySetup {
  protected:
    card::JobResult run(const isa::MicroOp& op, std::uint64_t rows, std::uint64_t other = 0) {
        auto reg = with_rows(rows);
        reg[kRows] = other;
        return rig->run({op}, reg);
    }
    void succeed(const isa::MicroOp& op, std::uint64_t rows, std::uint64_t other = 0) {
        const auto result = run(op, rows, other);
        ASSERT_EQ(result.status, SKALD_JOB_DONE)
            << "reason " << result.reason << std::hex << " " << result.address.value;
    }
    void fault(const isa::MicroOp& op, std::uint64_t rows, std::uint64_t other,
               skald_fault_reason reason, std::uint64_t address) {
        const auto result = run(op, rows, other);
        EXPECT_EQ(result.reason, reason);
        EXPECT_EQ(result.address.value, address);
    }
    void poke(std::uint64_t va, std::uint32_t value) { rig->write(va, &value, 4); }
};

// ---- ROUTE
// ----------------------------------------------------------------------------------------

class Route : public Experts {
  protected:
    struct Run {
        isa::MicroOp op;
        std::uint64_t offsets, list, weights, slots;
    };
    Run put(const oracle::Router& r, const std::vector<Floats>& rows) {
        Run run{make(isa::Opcode::Route), 0, 0, 0, 0};
        const std::size_t pitch = (r.experts + 3) / 4 * 4 + 4;
        Floats logits;
        for (const Floats& row : rows)
            logits.insert(logits.end(), row.begin(), row.end());
        run.op.rows = kT;
        run.op.aux = static_cast<std::uint8_t>(r.score);
        run.op.flags = r.flags;
        run.op.dim = {r.experts, r.chosen, r.groups | r.groups_kept << 16};
        run.op.imm = f32_imm(r.scale, r.eps);
        run.op.op[0] = at(rig->put(with_pitch(logits, r.experts, pitch), 4084), pitch * 4);
        if (r.flags & isa::kFlagBias)
            run.op.op[1] = at(rig->put(r.bias, 4092));
        const std::size_t entries = rows.size() * r.chosen;
        run.offsets = rig->alloc((r.experts + 1) * 4, 4088);
        run.list = rig->alloc(entries * 4, 4092);
        run.weights = rig->alloc(entries * 4, 4084);
        run.slots = rig->alloc(entries * 4, 4080);
        run.op.op[2] = at(run.offsets);
        run.op.op[3] = at(run.list);
        run.op.op[4] = at(run.weights);
        run.op.op[5] = at(run.slots);
        return run;
    }
    oracle::Routing read(const Run& run, const oracle::Router& r, std::size_t rows) {
        const std::size_t entries = rows * r.chosen;
        return {rig->get<std::uint32_t>(run.offsets, r.experts + 1),
                rig->get<std::uint32_t>(run.list, entries),
                rig->get<std::uint32_t>(run.slots, entries), rig->get<float>(run.weights, entries)};
    }
    oracle::Routing route(const oracle::Router& r, const std::vector<Floats>& rows) {
        const Run one = put(r, rows);
        succeed(one.op, rows.size());
        return read(one, r, rows.size());
    }
    void check(const oracle::Router& r, const std::vector<Floats>& rows) {
        SCOPED_TRACE(::testing::Message()
                     << rows.size() << " rows, " << r.chosen << " of " << r.experts << ", groups "
                     << r.groups_kept << " of " << r.groups << ", score "
                     << static_cast<int>(r.score) << ", flags " << int(r.flags));
        const auto got = route(r, rows);
        const auto wanted = oracle::route(r, rows);
        EXPECT_TRUE(same_bits(got.offsets, wanted.offsets));
        EXPECT_TRUE(same_bits(got.list, wanted.list));
        EXPECT_TRUE(same_bits(got.weights, wanted.weights));
        EXPECT_TRUE(same_bits(got.slots, wanted.slots));
    }
    std::vector<Floats> logits(std::size_t rows, std::uint32_t experts, float sigma = 2.0f) {
        std::vector<Floats> all;
        for (std::size_t t = 0; t < rows; ++t)
            all.push_back(normal(experts, sigma));
        return all;
    }
    // Of a single row: what each chosen expert weighs, by expert.
    void expect(const oracle::Router& r, const Floats& row,
                const std::vector<std::pair<std::uint32_t, double>>& wanted) {
        const auto got = route(r, {row});
        ASSERT_EQ(got.list.size(), wanted.size());
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            const auto [expert, weight] = wanted[i];
            EXPECT_EQ(got.offsets[expert], i) << "expert " << expert;
            EXPECT_EQ(got.offsets[expert + 1], i + 1) << "expert " << expert;
            EXPECT_NEAR(got.weights[i], weight, 1e-6) << "expert " << expert;
        }
    }
};

TEST_P(Route, EqualsTheOracle) {
    struct Shape {
        std::uint32_t experts, chosen, groups, kept;
    };
    constexpr Shape kShapes[] = {{1, 1, 0, 0},    {8, 2, 0, 0},     {33, 4, 0, 0},
                                 {60, 6, 10, 3},  {64, 8, 8, 3},    {256, 8, 8, 4},
                                 {128, 32, 2, 1}, {1024, 32, 0, 0}, {1024, 9, 512, 5}};
    for (const Shape& shape : kShapes)
        for (const Score score : {Score::Softmax, Score::Sigmoid, Score::SoftmaxChosen})
            for (unsigned flags = 0; flags < 16; ++flags) {
                if (shape.groups == 0 && (flags & (isa::kFlagGroupSum2 | isa::kFlagMaskOut)) != 0)
                    continue;
                oracle::Router r{score,         static_cast<std::uint8_t>(flags),
                                 shape.experts, shape.chosen,
                                 shape.groups,  shape.kept,
                                 2.5f};
                r.eps = (flags & isa::kFlagRenorm) != 0 ? 1e-3f : 0.0f;
                r.bias = normal(shape.experts);
                check(r, logits(1 + random() % 9, shape.experts));
            }
}

TEST_P(Route, ManyRowsEqualTheOracle) {
    for (const std::uint32_t rows : {300u, 2100u}) {
        const oracle::Router r{Score::Softmax, isa::kFlagRenorm, 64, 4};
        check(r, logits(rows, 64));
    }
}

TEST_P(Route, EqualsGoToTheLowestNumber) {
    oracle::Router r{Score::Softmax, 0, 24, 5};
    std::vector<Floats> rows(7, Floats(24));
    for (Floats& row : rows)
        for (float& x : row)
            x = static_cast<float>(random() % 3);
    check(r, rows);
    expect(r, Floats(24, 1.0f),
           {{0, 1 / 24.}, {1, 1 / 24.}, {2, 1 / 24.}, {3, 1 / 24.}, {4, 1 / 24.}});
    // Groups as well; and zeros of either sign are equal.
    r = {Score::SoftmaxChosen, isa::kFlagMaskOut, 8, 2, 4, 2};
    expect(r, {-1, -1, -0.0f, -1, 0.0f, -1, -1, 0.0f}, {{2, 0.5}, {4, 0.5}});
}

TEST_P(Route, ScoresMayVanish) {
    check({Score::Sigmoid, isa::kFlagRenorm, 8, 3}, {Floats(8, -200.0f), Floats(8, 200.0f)});
    check({Score::Softmax, isa::kFlagRenorm, 8, 3}, {{-300, 0, -300, -300, -300, 0, 0, 300}});
}

// Mixtral: softmax over all, the best two divided by their sum: 4 and 2 of 8 shares.
TEST_P(Route, AsMixtral) {
    const float two = std::log(2.0f);
    expect({Score::Softmax, isa::kFlagRenorm, 4, 2}, {0, 2 * two, two, 0},
           {{1, 2 / 3.}, {2, 1 / 3.}});
}

// Qwen and OLMoE without norm_topk_prob: the shares themselves.
TEST_P(Route, AsQwenWithoutRenormalising) {
    const float two = std::log(2.0f);
    expect({Score::Softmax, 0, 4, 2}, {0, 2 * two, two, 0}, {{1, 0.5}, {2, 0.25}});
}

// gpt-oss: the softmax over the chosen four.
TEST_P(Route, AsGptOss) {
    const float three = std::log(3.0f);
    expect({Score::SoftmaxChosen, 0, 6, 4}, {-5, three, 0, 2 * three, -7, 3 * three},
           {{1, 3 / 40.}, {2, 1 / 40.}, {3, 9 / 40.}, {5, 27 / 40.}});
}

// DeepSeek-V2: groups by their best. Shares of 32: group 0 has 16, group 1 (1, 2), group 2 (4, 4),
// group 3 (1, 4): 0 and 2 are kept, 2 before 3 as the lower one; then three experts, times 16.
TEST_P(Route, AsDeepSeekV2) {
    const float two = std::log(2.0f);
    oracle::Router r{Score::Softmax, 0, 8, 3, 4, 2, 16.0f};
    expect(r, {4 * two, -100, 0, two, 2 * two, 2 * two, 0, 2 * two}, {{0, 8}, {4, 2}, {5, 2}});
}

// DeepSeek-V3: sigmoid, the bias for the choice alone, groups by their best two, 1e-20, 2.5.
// Sigmoids are 0.5 and 0.75; with the bias experts 2 and 3 (1.5 + 0.5) outdo 0 and 1 (0.75 each)
// and group 2 (1.25 and 0.25).
TEST_P(Route, AsDeepSeekV3) {
    const float three = std::log(3.0f);
    oracle::Router r{
        Score::Sigmoid, isa::kFlagBias | isa::kFlagRenorm | isa::kFlagGroupSum2, 6, 2, 3, 1, 2.5f,
        1e-20f};
    r.bias = {0, 0, 1, 0, 0.5f, -0.25f};
    expect(r, {three, three, 0, 0, three, 0}, {{2, 1.25}, {3, 1.25}});
    // Groups that are not kept count as 0, which beats what a bias made negative; or not at all.
    r.bias = {0, 0, 2, -1, 0, 0};
    expect(r, {0, 0, 0, three, 0, 0}, {{0, 1.25}, {2, 1.25}});
    r.flags |= isa::kFlagMaskOut;
    expect(r, {0, 0, 0, three, 0, 0}, {{2, 1}, {3, 1.5}});
}

TEST_P(Route, FaultsAtWhatIsNotFiniteAndWritesNothing) {
    oracle::Router r{Score::SoftmaxChosen, isa::kFlagBias, 40, 4};
    r.bias = normal(40);
    const auto rows = logits(70, 40);
    const Run one = put(r, rows);
    const std::vector<std::uint32_t> before(r.experts + 1, 0xabcdef01u);
    rig->write(one.offsets, before.data(), before.size() * 4);
    const std::uint64_t pitch = one.op.op[0].pitch * 16ull;
    for (const std::uint32_t bad : {0x7f800000u, 0xff800000u, 0x7fc00000u}) {
        poke(one.op.op[0].offset + 60 * pitch + 4, bad);
        poke(one.op.op[0].offset + 69 * pitch, bad);
        fault(one.op, rows.size(), 0, SKALD_FAULT_NONFINITE, one.op.op[0].offset + 60 * pitch);
        poke(one.op.op[1].offset + 39 * 4, bad);
        fault(one.op, rows.size(), 0, SKALD_FAULT_NONFINITE, one.op.op[1].offset + 39 * 4);
        poke(one.op.op[1].offset + 39 * 4, 0);
    }
    // Finite both, but not their sum.
    poke(one.op.op[0].offset + 5 * pitch + 8, 0x7f7fffff);
    poke(one.op.op[1].offset + 8, 0x7f7fffff);
    fault(one.op, rows.size(), 0, SKALD_FAULT_NONFINITE, one.op.op[0].offset + 5 * pitch);
    EXPECT_TRUE(same_bits(rig->get<std::uint32_t>(one.offsets, before.size()), before));
}
SKALD_ON_EVERY_SETUP(Route, false);

// ---- COMBINE
// --------------------------------------------------------------------------------------

class Combine : public Experts {};

TEST_P(Combine, EqualsTheOracle) {
    struct Shape {
        std::uint32_t rows, n, k, chosen;
    };
    for (const Shape& s : {Shape{1, 1, 1, 1}, {3, 4, 100, 2}, {2, 9, 5000, 4}, {40, 300, 64, 32}})
        for (unsigned flags = 0; flags < 4; ++flags) {
            SCOPED_TRACE(::testing::Message()
                         << s.rows << " rows of " << s.k << ", flags " << flags);
            const auto x = normal(std::size_t{s.n} * s.k);
            auto weights = normal(s.n);
            weights[0] = -0.0f;
            std::vector<std::uint32_t> slots(s.rows * s.chosen);
            for (auto& slot : slots)
                slot = static_cast<std::uint32_t>(random() % s.n);
            const auto before = normal(std::size_t{s.rows} * s.k);
            const std::size_t x_pitch = (s.k + 3) / 4 * 4 + 4;
            const std::size_t pitch = (s.k + 3) / 4 * 4 + 12;
            auto op = make(isa::Opcode::Combine);
            op.rows = kT;
            op.ra = kRows;
            op.flags = static_cast<std::uint8_t>(flags);
            op.dim = {s.k, s.chosen};
            op.op[0] = at(rig->put(with_pitch(x, s.k, x_pitch), 4080), x_pitch * 4);
            const bool weighted = (flags & isa::kFlagNoWeight) == 0;
            if (weighted)
                op.op[1] = at(rig->put(weights, 4092));
            op.op[2] = at(rig->put(slots, 4088));
            const auto y = rig->put(with_pitch(before, s.k, pitch), 4084);
            op.op[3] = at(y, pitch * 4);
            succeed(op, s.rows, s.n);
            std::vector<Floats> rows_of_x;
            for (std::uint32_t i = 0; i < s.n; ++i)
                rows_of_x.push_back(row_of(x, i, s.k));
            Floats wanted;
            for (std::uint32_t t = 0; t < s.rows; ++t) {
                const bool onto = (flags & isa::kFlagAccumulate) != 0;
                const auto one = oracle::combine(rows_of_x, weighted ? weights : Floats{},
                                                 row_of(slots, t, s.chosen),
                                                 onto ? row_of(before, t, s.k) : Floats(s.k, 0.0f));
                wanted.insert(wanted.end(), one.begin(), one.end());
            }
            EXPECT_TRUE(
                same_bits(without_pitch(rig->get<float>(y, s.rows * pitch), s.k, pitch), wanted));
        }
}

TEST_P(Combine, ASlotBeyondTheRowsFaultsBeforeAnythingIsWritten) {
    auto op = make(isa::Opcode::Combine);
    op.rows = kT;
    op.ra = kRows;
    op.dim = {50, 3};
    std::vector<std::uint32_t> slots(30, 4);
    slots[20] = 5;
    slots[25] = 0xffffffff;
    op.op[0] = at(rig->put(normal(5 * 50)));
    op.op[1] = at(rig->put(normal(5)));
    const auto va = rig->put(slots, 4092);
    op.op[2] = at(va);
    const auto y = rig->alloc(10 * 50 * 4);
    op.op[3] = at(y);
    fault(op, 10, 5, SKALD_FAULT_VALUE, va + 20 * 4);
    EXPECT_TRUE(same_bits(rig->get<float>(y, 500), Floats(500)));
    fault(op, 10, 0, SKALD_FAULT_VALUE, va);
    fault(op, 10, isa::kMaxRows + 1, SKALD_FAULT_ROWS, 0);
}
SKALD_ON_EVERY_SETUP(Combine, false);

// ---- MATMUL
// ---------------------------------------------------------------------------------------

class GroupedMatMul : public Experts {
  protected:
    struct Shape {
        std::uint32_t n, k;
        std::vector<std::uint32_t> counts;  // rows of each expert
        std::uint32_t rows_of_x = 0;        // with INDEXED; else 0
        std::uint64_t gap = 0;              // bytes between experts
    };
    struct Run {
        isa::MicroOp op;
        std::uint32_t rows = 0;
        std::uint64_t w = 0, y = 0;
        std::uint64_t distance = 0;
        std::size_t pitch = 0;
        Floats x, bias, before;
        std::vector<std::uint32_t> list;
        std::vector<std::vector<std::uint8_t>> tiles;  // by expert
    };

    // Weights of experts without rows are not there.
    Run put(const Shape& shape, WeightFormat format, std::uint8_t flags = 0) {
        Run r;
        const auto experts = static_cast<std::uint32_t>(shape.counts.size());
        std::vector<std::uint32_t> offsets = {0};
        for (const std::uint32_t count : shape.counts)
            offsets.push_back(r.rows += count);
        r.op = make(isa::Opcode::MatMul);
        r.op.fmt = static_cast<std::uint8_t>(format);
        r.op.rows = kT;
        r.op.flags = flags | isa::kFlagGrouped;
        const std::uint64_t bytes = isa::matrix_bytes(format, shape.n, shape.k);
        r.distance = bytes + shape.gap;
        r.op.dim = {shape.n, shape.k, experts,
                    static_cast<std::uint32_t>(shape.gap == 0 ? 0 : r.distance / 64)};
        // Of what is not writable the rig makes small pages, which can be unmapped.
        const bool all = std::ranges::find(shape.counts, 0u) == shape.counts.end();
        r.w = rig->alloc(experts * r.distance, 64 * 3, all);
        for (std::uint32_t e = 0; e < experts; ++e) {
            r.tiles.push_back(oracle::random_tiles(format, shape.n, shape.k, random()));
            rig->write(r.w + e * r.distance, r.tiles[e].data(), bytes);
        }
        for (std::uint32_t e = 0; e < experts; ++e)
            if (shape.counts[e] == 0)
                unmap_within(r.w + e * r.distance, r.distance);
        r.op.op[1] = at(r.w);
        std::uint32_t rows_of_x = r.rows;
        if (shape.rows_of_x != 0) {
            rows_of_x = shape.rows_of_x;
            r.op.flags |= isa::kFlagIndexed;
            r.op.ra = kRows;
            for (std::uint32_t i = 0; i < r.rows; ++i)
                r.list.push_back(static_cast<std::uint32_t>(random() % rows_of_x));
            r.op.op[5] = at(rig->put(r.list, 4088));
        }
        const std::size_t x_pitch = (shape.k + 3) / 4 * 4 + 8;
        r.x = normal(std::size_t{rows_of_x} * shape.k);
        r.op.op[0] = at(rig->put(with_pitch(r.x, shape.k, x_pitch), 4076), x_pitch * 4);
        r.before = normal(std::size_t{r.rows} * shape.n);
        r.pitch = (shape.n + 3) / 4 * 4 + 8;
        r.y = rig->put(with_pitch(r.before, shape.n, r.pitch), 4092);
        r.op.op[2] = at(r.y, r.pitch * 4);
        if (flags & isa::kFlagBias) {
            r.bias = normal(std::size_t{experts} * shape.n);
            r.op.op[3] = at(rig->put(r.bias, 4088));
        }
        r.op.op[4] = at(rig->put(offsets, 4092));
        return r;
    }
    // The pages that lie wholly in a range.
    void unmap_within(std::uint64_t va, std::uint64_t bytes) {
        const std::uint64_t first = isa::ceil_div(va, SKALD_PAGE_SIZE) * SKALD_PAGE_SIZE;
        const std::uint64_t end = (va + bytes) / SKALD_PAGE_SIZE * SKALD_PAGE_SIZE;
        if (end > first)
            rig->unmap(first, end - first);
    }
    Floats wanted(const Shape& shape, const Run& r) {
        const auto format = static_cast<WeightFormat>(r.op.fmt);
        Floats all;
        std::uint32_t row = 0;
        for (std::uint32_t e = 0; e < shape.counts.size(); ++e)
            for (std::uint32_t i = 0; i < shape.counts[e]; ++i, ++row) {
                const auto x = row_of(r.x, r.list.empty() ? row : r.list[row], shape.k);
                const auto bias = r.bias.empty() ? Floats{} : row_of(r.bias, e, shape.n);
                const auto onto =
                    r.op.flags & isa::kFlagAccumulate ? row_of(r.before, row, shape.n) : Floats{};
                const isa::WeightInfo& info = isa::weight_info(format);
                const auto one =
                    info.integer
                        ? oracle::matmul_integer(format, oracle::quant(x, info.group), r.tiles[e],
                                                 shape.n, shape.k, bias, onto)
                        : oracle::matmul_float(format, x, r.tiles[e], shape.n, shape.k, bias, onto);
                all.insert(all.end(), one.begin(), one.end());
            }
        return all;
    }
    void check(const Shape& shape, WeightFormat format, std::uint8_t flags = 0) {
        SCOPED_TRACE(::testing::Message() << isa::weight_info(format).name << " " << shape.n
                                          << " x " << shape.k << ", flags " << int(flags));
        const Run r = put(shape, format, flags);
        succeed(r.op, r.rows, shape.rows_of_x);
        EXPECT_TRUE(
            same_bits(without_pitch(rig->get<float>(r.y, r.rows * r.pitch), shape.n, r.pitch),
                      wanted(shape, r)));
    }
};

// A token or a few: most experts have no row, and their weights are not even mapped.
TEST_P(GroupedMatMul, FewRowsReadTheWeightsOfTheirExpertsAlone) {
    for (const isa::WeightInfo& info : isa::kWeights) {
        check({70, 300, {0, 1, 0, 0, 1, 0, 0, 1, 1, 0}, 1, 8192}, info.format);
        check({33, 130, {2, 0, 0, 3, 0, 1}, 3, 16384}, info.format, isa::kFlagBias);
        check({16, 64, {0, 0, 0, 1}}, info.format);
    }
}

TEST_P(GroupedMatMul, ManyRowsEqualTheOracle) {
    for (const isa::WeightInfo& info : isa::kWeights) {
        check({40, 200, {17, 0, 64, 5, 1, 40}, 50, 64}, info.format,
              isa::kFlagBias | isa::kFlagAccumulate);
        check({20, 70, {9, 30, 0, 12}}, info.format);
    }
}

// More rows than are held at a time: of one expert, and with borders anywhere.
TEST_P(GroupedMatMul, ChunksChangeNothing) {
    for (const WeightFormat format :
         {WeightFormat::I8B32, WeightFormat::MX4B32, WeightFormat::T2Row, WeightFormat::F16}) {
        check({17, 64, {3, 1300, 0, 200, 400, 90}, 700}, format);
        check({17, 64, {600, 511, 2, 512}}, format, isa::kFlagAccumulate);
    }
}

// Rows too long to be kept are quantised for each of their experts.
TEST_P(GroupedMatMul, LongRowsEqualTheOracle) {
    for (const WeightFormat format : {WeightFormat::I4B32A, WeightFormat::B1Row})
        check({3, 9000, {2, 0, 5, 1}, 6}, format);
    if (GetParam().pages == Pages::kBig)
        check({1, 40000, {1, 3}, 215}, WeightFormat::I4B128);
}

TEST_P(GroupedMatMul, RandomShapesEqualTheOracle) {
    for (const isa::WeightInfo& info : isa::kWeights)
        for (int i = 0; i < 3; ++i) {
            Shape shape{static_cast<std::uint32_t>(1 + random() % 90),
                        static_cast<std::uint32_t>(1 + random() % 700),
                        {}};
            const std::size_t experts = 1 + random() % 12;
            for (std::size_t e = 0; e < experts; ++e)
                shape.counts.push_back(
                    random() % 2 == 0 ? 0 : static_cast<std::uint32_t>(random() % 30));
            shape.counts.push_back(1);
            shape.rows_of_x = i == 0 ? 0 : static_cast<std::uint32_t>(1 + random() % 20);
            shape.gap = random() % 3 * 64;
            check(shape, info.format, random() % 2 == 0 ? isa::kFlagBias : std::uint8_t{0});
        }
}

TEST_P(GroupedMatMul, OffsetsAndListAreChecked) {
    const Shape shape{20, 64, {2, 0, 3, 1}, 4};
    const Run r = put(shape, WeightFormat::I8B32);
    const std::uint64_t offsets = r.op.op[4].offset;
    const std::uint64_t list = r.op.op[5].offset;
    const auto expect = [&](std::uint64_t va, std::uint32_t value, std::uint64_t address) {
        const auto before = rig->get<std::uint32_t>(va, 1);
        poke(va, value);
        fault(r.op, r.rows, shape.rows_of_x, SKALD_FAULT_VALUE, address);
        rig->write(va, before.data(), 4);
    };
    expect(offsets, 1, offsets);            // does not begin with 0
    expect(offsets + 4, 7, offsets + 4);    // more than there are
    expect(offsets + 4, 3, offsets + 8);    // the next one falls
    expect(offsets + 16, 5, offsets + 16);  // does not end with T
    expect(offsets + 16, 7, offsets + 16);
    expect(list + 12, 4, list + 12);  // a row that is none
    expect(list + 8, 0xffffffff, list + 8);
    fault(r.op, r.rows - 1, shape.rows_of_x, SKALD_FAULT_VALUE, offsets + 16);
    fault(r.op, r.rows, 0, SKALD_FAULT_VALUE, list);
    fault(r.op, r.rows, isa::kMaxRows + 1, SKALD_FAULT_ROWS, 0);
    succeed(r.op, r.rows, shape.rows_of_x);
}

TEST_P(GroupedMatMul, WeightsThatAreWantedMustBeMapped) {
    const Shape shape{40, 300, {1, 0, 2, 0, 1}, 0, 8192};
    const Run r = put(shape, WeightFormat::I4B32);
    const std::uint64_t page =
        isa::ceil_div(r.w + 2 * r.distance, SKALD_PAGE_SIZE) * SKALD_PAGE_SIZE;
    rig->unmap(page, SKALD_PAGE_SIZE);
    fault(r.op, r.rows, 0, SKALD_FAULT_UNMAPPED, page);
}

TEST_P(GroupedMatMul, OnlyRowsThatAreWantedMustBeFinite) {
    const Shape shape{40, 100, {300, 0, 400}, 600};
    for (const WeightFormat format : {WeightFormat::I8B32, WeightFormat::T2Row}) {
        Run r = put(shape, format);
        for (std::uint32_t i = 0; i < r.rows; ++i)
            r.list[i] = 2 + i % 500;
        r.list[650] = 555;
        r.list[20] = 560;
        rig->write(r.op.op[5].offset, r.list.data(), r.list.size() * 4);
        const std::uint64_t pitch = r.op.op[0].pitch * 16ull;
        for (const std::uint32_t row : {0u, 1u, 599u})  // that nobody wants
            poke(r.op.op[0].offset + row * pitch + 8, 0x7fc00000);
        succeed(r.op, r.rows, shape.rows_of_x);
        poke(r.op.op[0].offset + 555 * pitch, 0x7f800000);
        fault(r.op, r.rows, shape.rows_of_x, SKALD_FAULT_NONFINITE,
              r.op.op[0].offset + 555 * pitch);
        poke(r.op.op[0].offset + 560 * pitch, 0xff800000);  // wanted by an earlier one
        fault(r.op, r.rows, shape.rows_of_x, SKALD_FAULT_NONFINITE,
              r.op.op[0].offset + 560 * pitch);
    }
}

TEST_P(GroupedMatMul, ABadExponentOfAnExpertThatIsWantedFaults) {
    const Shape shape{20, 128, {3, 0, 2, 600}, 0, 4096};
    const Run r = put(shape, WeightFormat::MX4B32);
    const std::uint8_t bad = 255;
    rig->write(r.w + 3 * r.distance + 5, &bad, 1);
    fault(r.op, r.rows, 0, SKALD_FAULT_NONFINITE, r.w + 3 * r.distance + 5);
    poke(r.op.op[0].offset, 0x7fc00000);  // a row that is not finite comes after it
    fault(r.op, r.rows, 0, SKALD_FAULT_NONFINITE, r.w + 3 * r.distance + 5);
    rig->write(r.w + 2 * r.distance + 18, &bad, 1);
    fault(r.op, r.rows, 0, SKALD_FAULT_NONFINITE, r.w + 2 * r.distance + 18);
}
SKALD_ON_EVERY_SETUP(GroupedMatMul, true);

// ---- Encodings and costs
// --------------------------------------------------------------------------

class ExpertCosts : public ::testing::Test {
  protected:
    Rig rig;
    std::uint64_t memory = rig.alloc(1u << 20);

    isa::MicroOp make_op(isa::Opcode opcode) {
        auto op = make(opcode);
        op.rows = kT;
        for (std::size_t i = 0; i < isa::kOperands; ++i)
            op.op[i] = at(memory + i * 65536);
        return op;
    }
    isa::MicroOp grouped() {
        auto op = make_op(isa::Opcode::MatMul);
        op.fmt = static_cast<std::uint8_t>(WeightFormat::I8B32);
        op.flags = isa::kFlagGrouped | isa::kFlagIndexed;
        op.ra = kRows;
        op.dim = {40, 70, 3};
        op.op[3] = {};
        const std::uint32_t offsets[] = {0, 1, 1, 4};
        rig.write(op.op[4].offset, offsets, sizeof(offsets));
        return op;
    }
    isa::MicroOp route() {
        auto op = make_op(isa::Opcode::Route);
        op.aux = 1;
        op.dim = {8, 2, 4 | 2 << 16};
        op.imm = f32_imm(1.0f);
        op.op[1] = {};
        return op;
    }
    card::JobResult run(const isa::MicroOp& op) {
        auto reg = with_rows(4);
        reg[kRows] = 2;
        return rig.run({op}, reg);
    }
    template <class F>
    void bad(isa::MicroOp op, F&& change) {
        EXPECT_EQ(run(op).status, SKALD_JOB_DONE) << run(op).reason;
        change(op);
        EXPECT_EQ(run(op).reason, SKALD_FAULT_ENCODING);
    }
};

TEST_F(ExpertCosts, FollowTheFormulas) {
    auto result = run(grouped());
    EXPECT_EQ(result.bytes,
              2 * isa::matrix_bytes(WeightFormat::I8B32, 40, 70) + 2 * 4 * 70 + 4 * 4 + 4 * 4)
        << "weights of two experts, two rows of x, offsets and list";
    EXPECT_EQ(result.energy_pj, (4 * 40 * 70 * 100 + 2 * 70 * 1000 + result.bytes * 30000 +
                                 (2 * 4 * 70 + 4 * 4 + 4 * 4 + 4 * 4 * 40) * 1760) /
                                    1000)
        << "a row is quantised once";
    result = run(route());
    EXPECT_EQ(result.bytes, 4u * 4 * 8) << "logits; what it gives stays on the chip";
    auto op = make_op(isa::Opcode::Combine);
    op.ra = kRows;
    op.dim = {100, 3};
    op.op[2] = at(rig.alloc(65536));
    op.op[4] = op.op[5] = {};
    EXPECT_EQ(run(op).bytes, 2u * 4 * 100 + 2 * 4 + 4 * 4 * 3)
        << "the two rows of x, weights, slots";
    op.flags = isa::kFlagNoWeight | isa::kFlagAccumulate;
    op.op[1] = {};
    EXPECT_EQ(run(op).bytes, 2u * 4 * 100 + 4 * 4 * 3 + 4 * 4 * 100) << "and y";
}

TEST_F(ExpertCosts, EncodingsThatDoNotGoTogether) {
    bad(grouped(), [](auto& op) { op.flags |= isa::kFlagXQ8; });
    bad(grouped(), [](auto& op) { op.flags &= ~isa::kFlagGrouped; });
    bad(grouped(), [](auto& op) { op.dim[2] = 0; });
    bad(grouped(), [](auto& op) { op.dim[2] = isa::kMaxExperts + 1; });
    bad(grouped(),
        [](auto& op) { op.dim[3] = isa::matrix_bytes(WeightFormat::I8B32, 40, 70) / 64 - 1; });
    bad(grouped(), [](auto& op) { op.op[5].pitch = 1; });
    bad(grouped(), [](auto& op) { op.op[4].pitch = 1; });
    bad(route(), [](auto& op) { op.dim[1] = 9; });
    bad(route(), [](auto& op) { op.dim[2] = 3 | 2 << 16; });  // does not divide 8
    bad(route(), [](auto& op) { op.dim[2] = 4 | 5 << 16; });
    bad(route(), [](auto& op) { op.dim[2] = 4; });
    bad(route(), [](auto& op) { op.dim[2] = 1 << 16; });
    bad(route(), [](auto& op) { op.dim[1] = 5; });  // of 2 groups of 2
    bad(route(), [](auto& op) {
        op.dim[2] = 8 | 4 << 16;
        op.flags = isa::kFlagGroupSum2;
    });
    bad(route(), [](auto& op) {
        op.dim[2] = 0;
        op.flags = isa::kFlagMaskOut;
    });
    bad(route(), [](auto& op) { op.aux = 4; });
    bad(route(), [](auto& op) { op.imm = f32_imm(INFINITY); });
    bad(route(), [](auto& op) { op.imm = f32_imm(1.0f, 1e-20f); });  // without RENORM
    bad(route(), [](auto& op) {
        op.imm = f32_imm(1.0f, NAN);
        op.flags = isa::kFlagRenorm;
    });
    bad(route(), [](auto& op) { op.op[3].pitch = 1; });
}

}  // namespace
}  // namespace skald::test
