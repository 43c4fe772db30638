// SPDX-License-Identifier: MIT
// A long micro-op lets somebody more important in before it is done, goes on where it was, and its
// results do not depend on it. How soon is counted in products after the request, not timed.
#include <gtest/gtest.h>

#include <atomic>
#include <utility>

#include "card/compute/kernels.hpp"
#include "program.hpp"
#include "told_kernels.hpp"

namespace skald::test {
namespace {

using card::compute::Kernels;

// Asks for a preemption in the middle of a kernel call, and counts what is done from then on.
struct Request {
    card::EnginePort* engine = nullptr;
    const Kernels* kernels = nullptr;     // that really compute
    std::atomic<std::uint64_t> every{0};  // calls until the request; 0: none
    std::atomic<std::uint64_t> calls{0};
    std::atomic<std::uint64_t> macs{0};  // since then

    void multiply(std::uint64_t n) {
        const std::uint64_t call = calls.fetch_add(1) + 1;
        if (every != 0 && call == every)
            engine->preempt();
        else if (every != 0 && call > every)
            macs.fetch_add(n);
    }
    void begin_slice() { calls = macs = 0; }
};

Request request;  // kernels are plain functions

struct Outcome {
    card::JobResult result;
    unsigned slices = 1;
    std::uint64_t most_macs = 0;  // of a slice, after the request
};

class Preemption : public ::testing::TestWithParam<std::pair<card::Simd, unsigned>> {
  protected:
    void SetUp() override {
        if (!card::compute::supported(GetParam().first))
            GTEST_SKIP() << "this processor lacks " << card::name(GetParam().first);
        std::string error;
        kernels = ToldKernels<request>::over(*card::compute::find_kernels(GetParam().first, error));
        RigOptions options;
        options.card.threads = GetParam().second;
        options.memory = 256u << 20;
        options.kernels = &kernels;
        rig = std::make_unique<Rig>(options);
        request.engine = rig->engine.get();
    }
    [[nodiscard]] unsigned threads() const { return GetParam().second; }

    // One micro-op on `rows` rows, preempted in call number `every` of each slice.
    Outcome run(isa::MicroOp op, std::uint64_t rows, std::uint64_t every, Registers in = {}) {
        op.rows = 9;
        in[9] = rows;
        const card::JobDesc job = rig->job({op, end()}, in);
        request.every = every;
        request.begin_slice();
        rig->engine->launch(job);
        Outcome out{rig->events.wait_job()};
        while (out.result.status == SKALD_CORE_PREEMPTED) {
            out.most_macs = std::max(out.most_macs, request.macs.load());
            ++out.slices;
            request.begin_slice();
            rig->engine->resume(0);
            const std::uint64_t before = out.result.micro_ops;
            out.result = rig->events.wait_job();
            if (out.result.status == SKALD_CORE_PREEMPTED) {
                EXPECT_GT(out.result.micro_ops, before) << "a watchdog would take it for a hang";
            }
        }
        request.every = 0;
        EXPECT_EQ(out.result.status, SKALD_JOB_DONE) << "reason " << out.result.reason;
        EXPECT_EQ(out.result.micro_ops, 2u) << "however many slices it had";
        return out;
    }

    std::vector<float> numbers(std::uint64_t count) const {
        std::vector<float> values(count);
        for (std::uint64_t i = 0; i < count; ++i)
            values[i] = static_cast<float>(i * 40503 % 1000) / 500.0f - 1.0f;
        return values;
    }

    Kernels kernels{};
    std::unique_ptr<Rig> rig;
};

TEST_P(Preemption, OfAProductComesWithinSomeRowTilesAndChangesNoBit) {
    constexpr std::uint32_t kN = 400, kK = 256;
    constexpr std::uint64_t kRows = 530;  // more than are taken together
    const std::uint64_t x = rig->put(numbers(kRows * kK));
    const std::uint64_t y = rig->alloc(kRows * kN * 4);
    for (const isa::WeightInfo& info : isa::kWeights) {
        SCOPED_TRACE(info.name);
        auto op = make(isa::Opcode::MatMul);
        op.fmt = static_cast<std::uint8_t>(info.format);
        op.flags = isa::kFlagAccumulate;  // what is done twice shows
        op.dim = {kN, kK};
        std::vector<std::uint8_t> weights(isa::matrix_bytes(info.format, kN, kK));
        // Small positive numbers in every format, exponents and scales included.
        for (std::size_t i = 0; i < weights.size(); ++i)
            weights[i] = static_cast<std::uint8_t>(0x30 + i % 3);
        op.op[0] = at(x);
        op.op[1] = at(rig->put(weights));
        op.op[2] = at(y);
        const std::vector<float> before = numbers(kRows * kN);
        rig->write(y, before.data(), before.size() * 4);
        run(op, kRows, 0);
        const auto expected = rig->get<std::uint32_t>(y, kRows * kN);
        for (const std::uint64_t every : {1u, 7u}) {
            rig->write(y, before.data(), before.size() * 4);
            const Outcome outcome = run(op, kRows, every);
            EXPECT_GE(outcome.slices, every == 1 ? 4u : 2u);
            // Who has an item finishes it: two row tiles of all columns.
            EXPECT_LE(outcome.most_macs, threads() * 2ull * isa::kTileRows * 512 * kK);
            EXPECT_EQ(rig->get<std::uint32_t>(y, kRows * kN), expected) << every;
        }
    }
}

TEST_P(Preemption, OfAttentionComesBetweenRowsAndChangesNoBit) {
    constexpr std::uint32_t kBlocks = 8, kHeads = 8, kHeadDim = 64;
    const std::uint64_t rows = 512ull * threads();
    const auto bytes =
        static_cast<std::uint32_t>(isa::kv_layer_bytes(isa::KvFormat::F16, 1, kHeadDim));
    std::vector<std::uint16_t> kv(kBlocks * bytes / 2);
    for (std::size_t i = 0; i < kv.size(); ++i)
        kv[i] = static_cast<std::uint16_t>(0x3000 | ((i * 2654435761u) >> 20 & 0x3ff));
    std::vector<std::uint32_t> table(kBlocks);
    for (std::uint32_t i = 0; i < kBlocks; ++i)
        table[i] = i;
    std::vector<isa::Row> list(rows);
    for (std::uint64_t t = 0; t < rows; ++t)
        list[t] = {0, static_cast<std::uint32_t>(t % (kBlocks * 64))};
    const std::uint64_t elements = rows * kHeads * kHeadDim;
    const std::uint64_t y = rig->alloc(elements * 4);
    auto op = make(isa::Opcode::Attention);
    op.fmt = static_cast<std::uint8_t>(isa::KvFormat::F16);
    op.rb = 10;
    op.dim = {kHeads, 1, kHeadDim, bytes};
    op.imm = std::bit_cast<std::uint32_t>(0.125f);
    op.op[0] = at(rig->put(numbers(elements)));
    op.op[1] = at(rig->put(kv));
    op.op[2] = at(y);
    op.op[3] = at(rig->put(list));
    op.op[4] = at(rig->put(table), kBlocks * 4);
    Registers in{};
    in[10] = kBlocks;
    run(op, rows, 0, in);
    const auto expected = rig->get<std::uint32_t>(y, elements);
    rig->write(y, std::vector<float>(elements).data(), elements * 4);
    const Outcome outcome = run(op, rows, 3, in);
    EXPECT_GE(outcome.slices, 3u);
    EXPECT_LE(outcome.most_macs, threads() * (1ull << 26));
    EXPECT_EQ(rig->get<std::uint32_t>(y, elements), expected);
}

INSTANTIATE_TEST_SUITE_P(EveryPath, Preemption,
                         ::testing::Values(std::pair{card::Simd::kScalar, 1u},
                                           std::pair{card::Simd::kAvx2, 1u},
                                           std::pair{card::Simd::kAvx2, 3u},
                                           std::pair{card::Simd::kAvx512, 2u},
                                           std::pair{card::Simd::kAmx, 2u}),
                         [](const auto& param) {
                             return std::string(card::name(param.param.first)) + "_" +
                                    std::to_string(param.param.second);
                         });

TEST(PreemptionOfCopy, ComesBetweenItsPiecesAndChangesNothing) {
    constexpr std::uint64_t kRow = 320u << 10, kRows = 40;
    RigOptions options;
    options.memory = 128u << 20;
    Rig rig(options);
    std::vector<std::uint32_t> data(kRow * kRows / 4);
    for (std::size_t i = 0; i < data.size(); ++i)
        data[i] = static_cast<std::uint32_t>(i * 2654435761u);
    const std::uint64_t from = rig.put(data), to = rig.alloc(2 * kRow * kRows);
    auto op = make(isa::Opcode::Copy);
    op.rows = 9;
    op.dim = {kRow, 2, kRow};
    op.op[0] = at(to);
    op.op[1] = at(from);
    Registers in{};
    in[9] = kRows;
    op.op[0].pitch = 2 * kRow / 16;
    op.op[1].pitch = kRow / 16;
    const std::vector<std::uint32_t> nothing(2 * data.size());
    // On a busy machine the engine may be done before anybody asks it: then another time.
    unsigned slices = 0;
    for (unsigned tries = 0; tries < 100 && slices <= 3; ++tries) {
        rig.write(to, nothing.data(), nothing.size() * 4);
        rig.engine->launch(rig.job({op, end()}, in));
        card::JobResult result;
        for (slices = 0;; ++slices) {
            rig.engine->preempt();
            result = rig.events.wait_job();
            if (result.status != SKALD_CORE_PREEMPTED)
                break;
            rig.engine->resume(0);
        }
        ASSERT_EQ(result.status, SKALD_JOB_DONE) << "reason " << result.reason;
        ASSERT_LE(slices, 2 * 2 * kRows + 1) << "each has moved something";
    }
    EXPECT_GT(slices, 3u);
    const auto copied = rig.get<std::uint32_t>(to, 2 * data.size());
    for (std::uint64_t row = 0; row < kRows; ++row)
        for (std::uint64_t time = 0; time < 2; ++time)
            ASSERT_TRUE(std::equal(
                data.begin() + static_cast<std::ptrdiff_t>(row * kRow / 4),
                data.begin() + static_cast<std::ptrdiff_t>((row + 1) * kRow / 4),
                copied.begin() + static_cast<std::ptrdiff_t>((2 * row + time) * kRow / 4)))
                << row << " " << time;
}

}  // namespace
}  // namespace skald::test
