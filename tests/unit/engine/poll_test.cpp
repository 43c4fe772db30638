// SPDX-License-Identifier: MIT
// A cancel is seen in time because no work between two looks at it is long. Counted, not timed: a
// kernel table that counts what it forwards, and the engine's progress, which every look moves.
#include <gtest/gtest.h>

#include <array>
#include <utility>

#include "card/compute/kernels.hpp"
#include "program.hpp"
#include "skald/isa_table.hpp"
#include "told_kernels.hpp"

namespace skald::test {
namespace {

using card::compute::Kernels;

// What kernels have done since the engine thread, the only one, last polled.
struct Meter {
    const card::EnginePort* engine = nullptr;
    const Kernels* kernels = nullptr;  // that really compute
    std::uint64_t polls = 0;
    std::uint64_t macs = 0;
    std::uint64_t elements = 0;
    std::uint64_t most_macs = 0;
    std::uint64_t most_elements = 0;

    void look() {
        if (const std::uint64_t now = engine->progress(); now != polls) {
            polls = now;
            macs = elements = 0;
        }
    }
    void multiply(std::uint64_t n) {
        look();
        most_macs = std::max(most_macs, macs += n);
    }
    void walk(std::uint64_t n) {
        look();
        most_elements = std::max(most_elements, elements += n);
    }
};

Meter meter;  // kernels are plain functions

// Kernels over elements, whose number is argument kAt.
template <auto kMember, std::size_t kAt>
struct Walk;
template <class R, class... Args, R (*Kernels::*kMember)(Args...), std::size_t kAt>
struct Walk<kMember, kAt> {
    static R call(Args... args) {
        meter.walk(std::get<kAt>(std::tuple(args...)));
        return (meter.kernels->*kMember)(args...);
    }
};

void convolve(const card::compute::Taps& taps, float* y, std::uint32_t n) {
    meter.walk(std::uint64_t{n} * (taps.count + 1));
    meter.kernels->convolve(taps, y, n);
}
template <std::size_t kIndex>
void activate(const float* x, const card::compute::Parameters& p, float* y, std::uint32_t n) {
    meter.walk(n);
    meter.kernels->activate[kIndex](x, p, y, n);
}
template <std::size_t kIndex>
void gate(const float* g, const float* up, const card::compute::Parameters& p, float* y,
          std::uint32_t n) {
    meter.walk(n);
    meter.kernels->gate[kIndex](g, up, p, y, n);
}

template <std::size_t... kIndex>
void wrap_activations(Kernels& k, std::index_sequence<kIndex...>) {
    ((k.activate[kIndex] = k.activate[kIndex] != nullptr ? activate<kIndex> : nullptr), ...);
    ((k.gate[kIndex] = k.gate[kIndex] != nullptr ? gate<kIndex> : nullptr), ...);
}

Kernels counting(const Kernels& real) {
    Kernels k = ToldKernels<meter>::over(real);
    k.quant = Walk<&Kernels::quant, 1>::call;
    k.dequant = Walk<&Kernels::dequant, 3>::call;
    k.abs_max = Walk<&Kernels::abs_max, 1>::call;
    k.quant_by = Walk<&Kernels::quant_by, 2>::call;
    k.dequant_by = Walk<&Kernels::dequant_by, 3>::call;
    k.sums = Walk<&Kernels::sums, 1>::call;
    k.pack = Walk<&Kernels::pack, 4>::call;
    wrap_activations(k, std::make_index_sequence<card::compute::kActivations>());
    k.convolve = convolve;
    k.sum = Walk<&Kernels::sum, 1>::call;
    k.sum_squares = Walk<&Kernels::sum_squares, 2>::call;
    k.normalise = Walk<&Kernels::normalise, 3>::call;
    k.add = Walk<&Kernels::add, 4>::call;
    k.multiply = Walk<&Kernels::multiply, 4>::call;
    k.scale = Walk<&Kernels::scale, 4>::call;
    k.scale_add = Walk<&Kernels::scale_add, 3>::call;
    k.to_half = Walk<&Kernels::to_half, 2>::call;
    k.divide = Walk<&Kernels::divide, 3>::call;
    k.row_max = Walk<&Kernels::row_max, 1>::call;
    k.exp_sum = Walk<&Kernels::exp_sum, 3>::call;
    return k;
}

class Polls : public ::testing::TestWithParam<card::Simd> {
  protected:
    void SetUp() override {
        if (!card::compute::supported(GetParam()))
            GTEST_SKIP() << "this processor lacks " << card::name(GetParam());
        std::string error;
        kernels = counting(*card::compute::find_kernels(GetParam(), error));
        fresh();
    }
    void fresh(Pages pages = Pages::kBig) {
        RigOptions options;
        options.card.threads = 1;
        options.memory = 256u << 20;
        options.kernels = &kernels;
        options.pages = pages;
        rig.reset();
        rig = std::make_unique<Rig>(options);
        meter.engine = rig->engine.get();
    }

    // Some milliseconds at most on the slowest path of a slow host.
    [[nodiscard]] std::uint64_t macs_allowed() const {
        return GetParam() == card::Simd::kScalar ? 1u << 21 : 1u << 25;
    }
    static constexpr std::uint64_t kElementsAllowed = 1u << 16;

    // Runs one micro-op on `rows` rows and looks at what the kernels met; returns the polls.
    std::uint64_t run(isa::MicroOp op, std::uint64_t rows, Registers in = {}) {
        op.rows = 9;
        in[9] = rows;
        meter.most_macs = meter.most_elements = meter.macs = meter.elements = 0;
        const std::uint64_t before = rig->engine->progress();
        const auto result = rig->run({op}, in);
        EXPECT_EQ(result.status, SKALD_JOB_DONE) << "reason " << result.reason;
        EXPECT_LE(meter.most_macs, macs_allowed());
        EXPECT_LE(meter.most_elements, kElementsAllowed);
        return rig->engine->progress() - before;
    }

    isa::MicroOp matmul(const isa::WeightInfo& info, std::uint32_t n, std::uint32_t k,
                        std::uint64_t rows) {
        auto op = make(isa::Opcode::MatMul);
        op.fmt = static_cast<std::uint8_t>(info.format);
        op.dim = {n, k};
        op.op[0] = at(rig->alloc(rows * k * 4));
        op.op[1] = at(rig->alloc(isa::matrix_bytes(info.format, n, k)));
        op.op[2] = at(rig->alloc(rows * n * 4));
        return op;
    }

    Kernels kernels{};
    std::unique_ptr<Rig> rig;
};

TEST_P(Polls, ProductsOfEveryFormatAndRowCount) {
    for (const isa::WeightInfo& info : isa::kWeights)
        for (std::uint64_t rows : {1u, 2u, 3u, 8u, 17u, 48u, 64u, 257u, 512u, 700u}) {
            SCOPED_TRACE(std::string(info.name) + ", rows " + std::to_string(rows));
            fresh();
            run(matmul(info, 32, 4096, rows), rows);
            EXPECT_GT(meter.most_macs, 0u);
        }
}

TEST_P(Polls, ProductsOfTheLongestRows) {
    for (const isa::WeightInfo& info : isa::kWeights)
        for (std::uint64_t rows : {1u, 3u}) {
            SCOPED_TRACE(std::string(info.name) + ", rows " + std::to_string(rows));
            fresh();
            run(matmul(info, 16, isa::kMaxK, rows), rows);
        }
}

TEST_P(Polls, AttentionOfManyQueriesOverALongContext) {
    constexpr std::uint32_t kBlocks = 24;  // 1,536 positions
    for (isa::KvFormat format : {isa::KvFormat::F16, isa::KvFormat::I8, isa::KvFormat::F32})
        for (std::uint32_t head_dim : {8u, 64u, 128u, isa::kMaxHeadDim})
            for (std::uint32_t rows : {1u, 5u}) {
                SCOPED_TRACE(head_dim);
                fresh();
                const auto bytes =
                    static_cast<std::uint32_t>(isa::kv_layer_bytes(format, 1, head_dim));
                std::vector<std::uint32_t> table(kBlocks);
                auto op = make(isa::Opcode::Attention);
                op.fmt = static_cast<std::uint8_t>(format);
                op.rb = 10;
                op.dim = {16, 1, head_dim, bytes};
                op.imm = f32_imm(1.0f);
                op.op[0] = at(rig->alloc(16ull * head_dim * 4 * rows));
                op.op[1] = at(rig->alloc(bytes));
                op.op[2] = at(rig->alloc(16ull * head_dim * 4 * rows));
                op.op[3] = at(rig->put(std::vector<isa::Row>(rows, {0, kBlocks * 64 - 1})));
                op.op[4] = at(rig->put(table), kBlocks * 4);
                Registers in{};
                in[10] = 1;
                run(op, rows, in);
                EXPECT_GT(meter.most_macs, 0u);
            }
}

TEST_P(Polls, RowsOfTheLargestLength) {
    const std::uint64_t x = rig->alloc(isa::kMaxK * 8ull);
    const std::uint64_t y = rig->alloc(isa::kMaxK * 8ull);
    const std::uint64_t d = rig->alloc(isa::kMaxK);
    const std::uint64_t s = rig->alloc(isa::kMaxK);
    using isa::Opcode;
    for (Opcode opcode : {Opcode::Quant, Opcode::Dequant, Opcode::RmsNorm, Opcode::Add, Opcode::Glu,
                          Opcode::ArgMax, Opcode::LogProb})
        for (std::uint8_t fmt : {0, 1}) {
            SCOPED_TRACE(isa::find_op(static_cast<std::uint8_t>(opcode))->name);
            const bool quantises = opcode == Opcode::Quant || opcode == Opcode::Dequant;
            if (fmt != 0 && !quantises)
                continue;
            auto op = make(opcode);
            op.fmt = fmt;
            op.dim[0] = isa::kMaxK;
            op.aux = opcode == Opcode::Glu ? 1 : 0;
            op.op[0] = at(x);
            op.op[1] = at(opcode == Opcode::LogProb || opcode == Opcode::ArgMax ? d : y);
            if (opcode != Opcode::ArgMax)
                op.op[2] = at(opcode == Opcode::Quant ? d : opcode == Opcode::Dequant ? y : s);
            if (opcode == Opcode::RmsNorm || opcode == Opcode::Add || opcode == Opcode::Glu)
                op.op[2] = at(y);
            if (opcode == Opcode::Dequant)
                op.op[1] = at(d);
            if (opcode == Opcode::Quant)
                op.op[3] = at(s);
            EXPECT_GT(run(op, 2), 2 * isa::kMaxK / kElementsAllowed);
            EXPECT_GT(meter.most_elements, 0u);
        }
}

// What is no kernel's work: so many polls at least for so many elements or rows.
TEST_P(Polls, WorkOutsideOfKernels) {
    using isa::Opcode;
    constexpr std::uint64_t kRows = isa::kMaxRows;
    const auto polled = [&](const isa::MicroOp& op, std::uint64_t rows, std::uint64_t steps,
                            std::uint64_t together, Registers in = {}) {
        SCOPED_TRACE(isa::find_op(op.opcode)->name);
        EXPECT_GE(run(op, rows, in), steps / together);
    };
    fresh(Pages::kScattered);
    auto op = make(Opcode::Copy);
    op.dim[0] = 32u << 20;
    op.op[0] = at(rig->alloc(32u << 20));
    op.op[1] = at(rig->alloc(32u << 20));
    polled(op, 1, 32u << 20, 256u << 10);

    op = make(Opcode::RowStep);
    op.flags = isa::kFlagSequences;
    const std::uint64_t rows = rig->alloc(kRows * sizeof(isa::Row));
    const std::uint64_t sequences = rig->put(std::vector<isa::Sequence>(1));
    op.op[0] = at(rows);
    op.op[1] = at(sequences);
    polled(op, kRows, kRows, 1024);

    op = make(Opcode::TokenOut);  // once for each row, and again where they are counted
    op.op[0] = at(rig->alloc(kRows * 4));
    op.op[1] = at(sequences);
    op.op[2] = at(rig->alloc(4096));
    op.op[3] = at(rows);
    op.ra = 2;
    op.rb = 3;
    op.rd = 1;
    polled(op, kRows, kRows + kRows / 1024, 1);

    for (const isa::WeightInfo& info : isa::kWeights) {
        op = make(Opcode::Gather);
        op.fmt = static_cast<std::uint8_t>(info.format);
        op.dim = {16, isa::kMaxK};
        fresh();
        op.op[0] = at(rig->alloc(4));
        op.op[1] = at(rig->alloc(isa::matrix_bytes(info.format, 16, isa::kMaxK)));
        op.op[2] = at(rig->alloc(isa::kMaxK * 4));
        polled(op, 1, isa::kMaxK, 64 * info.tile_k);
    }

    op = make(Opcode::GatherRows);
    op.dim[0] = 8u << 20;
    op.ra = 10;
    op.op[0] = at(rig->alloc(4));
    op.op[1] = at(rig->alloc(8u << 20));
    op.op[2] = at(rig->alloc(8u << 20));
    Registers in{};
    in[10] = 1;
    polled(op, 1, 8u << 20, 256u << 10, in);
}

TEST_P(Polls, AppendingToScatteredBlocks) {
    for (isa::KvFormat format : {isa::KvFormat::F16, isa::KvFormat::I8, isa::KvFormat::F32}) {
        fresh(Pages::kScattered);
        constexpr std::uint64_t kRows = 1024;
        auto op = make(isa::Opcode::KvAppend);
        op.fmt = static_cast<std::uint8_t>(format);
        op.rb = 10;
        op.dim = {1, 0, isa::kMaxHeadDim,
                  static_cast<std::uint32_t>(isa::kv_layer_bytes(format, 1, isa::kMaxHeadDim))};
        op.op[0] = at(rig->alloc(kRows * isa::kMaxHeadDim * 4));
        op.op[1] = at(rig->alloc(kRows * isa::kMaxHeadDim * 4));
        op.op[2] = at(rig->alloc(op.dim[3]));
        op.op[3] = at(rig->alloc(kRows * sizeof(isa::Row)));
        op.op[4] = at(rig->alloc(4096), 4096);
        Registers in{};
        in[10] = 1;
        EXPECT_GE(run(op, kRows, in), kRows * isa::kMaxHeadDim / 8192);
    }
}

// Every token of a large vocabulary in the history, each penalised.
TEST_P(Polls, SamplingFromALargeVocabularyWithALongHistory) {
    constexpr std::uint32_t kVocabulary = 1u << 20;
    std::vector<std::uint32_t> history(kVocabulary + 1);
    for (std::uint32_t i = 0; i < kVocabulary; ++i)
        history[i] = i;
    for (float temperature : {0.0f, 1.0f})
        for (float top_p : {0.9f, 1.0f}) {
            fresh();
            isa::Sequence sequence{};
            sequence.temperature = temperature;
            sequence.top_p = top_p;
            sequence.repeat_penalty = 1.1f;
            sequence.repeat_last_n = ~0u;
            auto op = make(isa::Opcode::Sample);
            op.dim = {kVocabulary, kVocabulary + 1};
            op.op[0] = at(rig->alloc(kVocabulary * 4ull));
            op.op[1] = at(rig->put(std::vector<isa::Sequence>{sequence}));
            op.op[2] = at(rig->alloc(4));
            op.op[3] = at(rig->put(std::vector<isa::Row>{{0, kVocabulary}}));
            op.op[4] = at(rig->put(history));
            // Copied, marked, penalised, searched: each by the piece.
            EXPECT_GE(run(op, 1), 4ull * kVocabulary / card::compute::kPiece);
        }
}

INSTANTIATE_TEST_SUITE_P(All, Polls,
                         ::testing::Values(card::Simd::kScalar, card::Simd::kAvx2,
                                           card::Simd::kAvx512, card::Simd::kAmx),
                         [](const auto& simd) { return std::string(card::name(simd.param)); });

}  // namespace
}  // namespace skald::test
