// SPDX-License-Identifier: MIT
// An engine whose machine stops in the middle of a long micro-op.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "program.hpp"

namespace skald::test {
namespace {

constexpr std::uint32_t kN = 2048;
constexpr std::uint32_t kK = 4096;
constexpr std::uint64_t kRows = 64;

class EnginePause : public testing::Test {
  protected:
    EnginePause() {
        std::mt19937 random(5);
        const auto fill = [&](std::uint64_t va, std::size_t bytes) {
            std::vector<std::uint32_t> words(bytes / 4);
            for (std::uint32_t& word : words)
                word = 0x3c003c00u ^ (random() & 0x00ff00ffu);  // small numbers in any format
            rig.write(va, words.data(), bytes);
        };
        fill(product.op[0].offset, kRows * kK * 4);
        fill(product.op[1].offset, isa::matrix_bytes(isa::WeightFormat::F32, kN, kK));
    }
    static RigOptions options() {
        RigOptions options;
        options.card.threads = 2;
        options.card.simd = card::Simd::kScalar;
        options.memory = 128u << 20;
        return options;
    }
    card::JobDesc job() {
        Registers in{};
        in[9] = kRows;
        return rig.job({product, end()}, in);
    }
    std::vector<std::uint32_t> output() {
        return rig.get<std::uint32_t>(product.op[2].offset, kRows * kN);
    }
    // In the middle of the product, which does not go on.
    void freeze() {
        const std::uint64_t before = rig.engine->progress();
        rig.engine->launch(job());
        while (rig.engine->progress() < before + 4)
            std::this_thread::yield();
        rig.engine->begin_pause();
        rig.engine->freeze();
        // Threads look every 10 ms where they run, and nobody says when each of them has.
        auto seen = output();
        std::uint64_t progress = rig.engine->progress();
        for (int same = 0; same < 10; ++same) {
            std::this_thread::sleep_for(std::chrono::milliseconds(30));
            if (output() != seen || rig.engine->progress() != progress)
                same = -1;
            seen = output();
            progress = rig.engine->progress();
        }
        EXPECT_FALSE(rig.engine->paused()) << "in the middle of a micro-op is no boundary";
        for (int look = 0; look < 20; ++look) {
            ASSERT_EQ(output(), seen);
            ASSERT_EQ(rig.engine->progress(), progress);
        }
    }

    Rig rig{options()};
    isa::MicroOp product = [this] {
        auto op = make(isa::Opcode::MatMul);
        op.fmt = static_cast<std::uint8_t>(isa::WeightFormat::F32);
        op.rows = 9;
        op.dim = {kN, kK};
        op.op[0] = at(rig.alloc(kRows * kK * 4));
        op.op[1] = at(rig.alloc(isa::matrix_bytes(isa::WeightFormat::F32, kN, kK)));
        op.op[2] = at(rig.alloc(kRows * kN * 4));
        return op;
    }();
};

TEST_F(EnginePause, AFrozenMicroOpWritesNothingAndGoesOnToTheSameBits) {
    ASSERT_EQ(rig.run(job()).status, SKALD_JOB_DONE);
    const auto wanted = output();
    const std::vector<std::uint32_t> zeros(wanted.size());
    ASSERT_NE(wanted, zeros);
    rig.write(product.op[2].offset, zeros.data(), zeros.size() * 4);
    freeze();
    EXPECT_NE(output(), wanted) << "it was over too soon";
    rig.engine->end_pause();
    EXPECT_EQ(rig.events.wait_job().status, SKALD_JOB_DONE);
    EXPECT_EQ(output(), wanted);
}

TEST_F(EnginePause, AResetEndsAFrozenMicroOp) {
    freeze();
    rig.engine->begin_reset();
    rig.engine->finish_reset();
    EXPECT_TRUE(rig.engine->paused());
    EXPECT_EQ(rig.engine->progress(), 0u);
}

}  // namespace
}  // namespace skald::test
