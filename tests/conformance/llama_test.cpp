// SPDX-License-Identifier: MIT
// The same model in different cuts: chunks, batches, pages, paths, threads, preemption. And the
// same program with bytes flipped, which may fault but must never do worse.
#include <algorithm>

#include "llama.hpp"

#include "generate.hpp"
#include "setup.hpp"
#include "skald/isa_table.hpp"

namespace skald::test {
namespace {

struct Text {
    std::vector<std::uint32_t> tokens;
    std::vector<isa::Row> rows;
};

Text text(std::uint32_t sequence, std::uint32_t length, std::uint32_t seed) {
    std::mt19937 random(seed);
    Text t;
    for (std::uint32_t p = 0; p < length; ++p) {
        t.tokens.push_back(static_cast<std::uint32_t>(random() % Llama::kVocabulary));
        t.rows.push_back({sequence, p});
    }
    return t;
}

// Logits of a text fed in chunks.
std::vector<float> in_chunks(Llama& llama, const Text& t, std::size_t chunk, bool preempt = false) {
    std::vector<float> all;
    for (std::size_t first = 0; first < t.rows.size(); first += chunk) {
        const std::size_t end = std::min(t.rows.size(), first + chunk);
        const auto part = llama.forward({t.tokens.begin() + static_cast<std::ptrdiff_t>(first),
                                         t.tokens.begin() + static_cast<std::ptrdiff_t>(end)},
                                        {t.rows.begin() + static_cast<std::ptrdiff_t>(first),
                                         t.rows.begin() + static_cast<std::ptrdiff_t>(end)},
                                        preempt);
        all.insert(all.end(), part.begin(), part.end());
    }
    return all;
}

// On the reference set-up, all at once: what every other way must equal.
const std::vector<float>& reference() {
    static const std::vector<float> logits = [] {
        Rig rig;
        Llama llama(rig);
        return in_chunks(llama, text(1, 300, 1), 300);
    }();
    return logits;
}

class LlamaProgram : public OnEverySetup {};

TEST_P(LlamaProgram, PathsThreadsAndPagesGiveTheSameBits) {
    Llama llama(*rig);
    EXPECT_TRUE(same_bits(in_chunks(llama, text(1, 300, 1), 300), reference()));
}

TEST_P(LlamaProgram, ChunksGiveTheSameBits) {
    Llama llama(*rig);
    for (std::size_t chunk : {7u, 64u})
        EXPECT_TRUE(same_bits(in_chunks(llama, text(1, 300, 1), chunk), reference())) << chunk;
}
SKALD_ON_EVERY_SETUP(LlamaProgram, true);

TEST(LlamaCuts, OneTokenAtATimeGivesTheSameBits) {
    Rig rig;
    Llama llama(rig);
    EXPECT_TRUE(same_bits(in_chunks(llama, text(1, 300, 1), 1), reference()));
}

TEST(LlamaCuts, NeighboursInTheBatchDoNotMatter) {
    Rig rig;
    Llama llama(rig);
    const Text ours = text(1, 300, 1);
    const Text left = text(0, 20, 2);
    const Text right = text(2, 300, 3);
    std::vector<float> got;
    for (std::uint32_t p = 0; p < 300; ++p) {  // decode of three sequences, one of them shorter
        std::vector<std::uint32_t> tokens;
        std::vector<isa::Row> rows;
        if (p < 20) {
            tokens.push_back(left.tokens[p]);
            rows.push_back(left.rows[p]);
        }
        tokens.push_back(ours.tokens[p]);
        rows.push_back(ours.rows[p]);
        tokens.push_back(right.tokens[p]);
        rows.push_back(right.rows[p]);
        const auto logits = llama.forward(tokens, rows);
        const auto mine = row_of(logits, p < 20 ? 1 : 0, Llama::kVocabulary);
        got.insert(got.end(), mine.begin(), mine.end());
    }
    EXPECT_TRUE(same_bits(got, reference()));
}

TEST(LlamaCuts, PreemptionAfterEveryMicroOpGivesTheSameBits) {
    Rig rig;
    Llama llama(rig);
    EXPECT_TRUE(same_bits(in_chunks(llama, text(1, 300, 1), 150, true), reference()));
}

TEST(LlamaDamaged, FlippedBytesFaultOrFinish) {
    RigOptions options;
    options.pages = Pages::kScattered;
    options.card.threads = 2;
    Rig rig(options);
    Llama llama(rig);
    const Text t = text(0, 9, 4);
    const auto job = llama.job(llama.program(), t.tokens, t.rows);
    const std::size_t bytes = llama.program().size() * sizeof(isa::MicroOp);
    std::mt19937_64 random(11);
    unsigned faults = 0;
    unsigned done = 0;
    constexpr unsigned kRounds = 3000;
    for (unsigned round = 0; round < kRounds; ++round) {
        auto damaged = llama.program();
        auto* raw = reinterpret_cast<std::uint8_t*>(damaged.data());
        const unsigned flips = 1 + random() % 3;
        for (unsigned i = 0; i < flips; ++i)
            raw[random() % bytes] ^= 1u << random() % 8;
        rig.write(job.program.value, damaged.data(), bytes);
        auto run = job;
        run.loop_budget = 100;
        const auto result = rig.run(run);
        ASSERT_TRUE(result.status == SKALD_JOB_DONE || result.status == SKALD_JOB_FAULT ||
                    result.status == SKALD_JOB_CONTINUE);
        if (result.status == SKALD_JOB_FAULT) {
            ASSERT_NE(result.reason, SKALD_FAULT_NONE);
            ++faults;
        } else {
            ++done;
        }
    }
    EXPECT_GT(faults, kRounds / 3);
    EXPECT_GT(done, 0u);
    // Whatever they did to their own memory, the engine is as good as new.
    EXPECT_EQ(rig.run(std::vector<isa::MicroOp>{}).status, SKALD_JOB_DONE);
}

TEST(LlamaDamaged, RandomMicroOpsFaultOrFinish) {
    Rig rig;
    const auto memory = rig.alloc(1u << 20);
    std::mt19937_64 random(12);
    std::array<std::uint64_t, isa::kRegisters> reg{};
    for (unsigned round = 0; round < 3000; ++round) {
        std::vector<isa::MicroOp> program(4);
        for (auto& op : program) {
            const isa::OpInfo& info = isa::kOps[random() % isa::kOps.size()];
            if (info.opcode == isa::Opcode::SemWait)
                continue;  // may wait for ever
            op = random_op(
                info, {.rd = 11, .ra = 10, .rb = 10, .rows = kT},
                [&](std::uint64_t n) { return random() % n; },
                [&] { return memory + random() % (1u << 20) / 64 * 64; });
        }
        reg[kT] = random() % 70;
        reg[10] = random() % 10;
        auto job = rig.job(program, reg);
        job.loop_budget = 100;
        const auto result = rig.run(job);
        ASSERT_TRUE(result.status == SKALD_JOB_DONE || result.status == SKALD_JOB_FAULT ||
                    result.status == SKALD_JOB_CONTINUE);
        if (round % 500 == 499) {  // allocations of job() add up
            const std::vector<std::uint8_t> junk(1u << 20, static_cast<std::uint8_t>(random()));
            rig.write(memory, junk.data(), junk.size());
        }
    }
}

}  // namespace
}  // namespace skald::test
