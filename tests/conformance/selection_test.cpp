// SPDX-License-Identifier: MIT
// ARGMAX, SAMPLE, LOGPROB.
#include <algorithm>

#include "setup.hpp"

namespace skald::test {
namespace {

constexpr std::uint32_t kSizes[] = {1, 5, 16, 512, 4096, 5000, 32003};

class Selection : public OnEverySetup {
  protected:
    // Logits with ties, both zeros and -inf among them.
    std::vector<float> logits(std::size_t rows, std::size_t n) {
        auto v = normal(rows * n, 4.0f);
        for (float& x : v) {
            const auto kind = random() % 20;
            if (kind == 0)
                x = std::round(x);
            if (kind == 1)
                x = -std::numeric_limits<float>::infinity();
            if (kind == 2)
                x = -0.0f;
            if (kind == 3)
                x = 0.0f;
        }
        for (std::size_t r = 0; r < rows; ++r)
            v[r * n + random() % n] = 2.0f;  // one is finite
        return v;
    }
    void run(const isa::MicroOp& op, std::uint64_t rows) {
        const auto result = rig->run({op}, with_rows(rows));
        ASSERT_EQ(result.status, SKALD_JOB_DONE) << "reason " << result.reason;
    }
};

TEST_P(Selection, ArgMaxTakesTheFirstOfTheBest) {
    for (std::uint32_t n : kSizes) {
        constexpr std::uint32_t kRows = 5;
        const auto x = logits(kRows, n);
        auto op = make(isa::Opcode::ArgMax);
        op.rows = kT;
        op.dim[0] = n;
        op.op[0] = at(rig->put(x, 4092));
        const auto y = rig->alloc(kRows * 4, 4092);
        op.op[1] = at(y);
        run(op, kRows);
        const auto got = rig->get<std::uint32_t>(y, kRows);
        for (std::uint32_t r = 0; r < kRows; ++r)
            EXPECT_EQ(got[r], oracle::argmax(row_of(x, r, n))) << "row " << r << " of " << n;
    }
}

TEST_P(Selection, LogProbEqualsTheOracle) {
    for (std::uint32_t n : kSizes) {
        constexpr std::uint32_t kRows = 4;
        const auto x = logits(kRows, n);
        std::vector<std::uint32_t> targets(kRows);
        for (auto& t : targets)
            t = static_cast<std::uint32_t>(random() % n);
        auto op = make(isa::Opcode::LogProb);
        op.rows = kT;
        op.dim[0] = n;
        op.op[0] = at(rig->put(x, 4084));
        op.op[1] = at(rig->put(targets));
        const auto y = rig->alloc(kRows * 4, 4092);
        op.op[2] = at(y);
        run(op, kRows);
        std::vector<float> wanted;
        for (std::uint32_t r = 0; r < kRows; ++r)
            wanted.push_back(oracle::logprob(row_of(x, r, n), targets[r]));
        EXPECT_TRUE(same_bits(rig->get<float>(y, kRows), wanted));
    }
}

TEST_P(Selection, SampleEqualsTheOracle) {
    const float temperatures[] = {0.0f, 0.3f, 1.0f, 2.5f};
    const std::uint32_t top_ks[] = {0, 1, 40, 3000};
    const float top_ps[] = {0.0f, 0.5f, 0.95f, 1.0f};
    const float min_ps[] = {0.0f, 0.05f};
    const float penalties[] = {1.0f, 1.3f, 0.8f};
    for (std::uint32_t n : kSizes)
        for (int round = 0; round < 12; ++round) {
            constexpr std::uint32_t kSequences = 3;
            constexpr std::uint32_t kHistory = 100;
            std::vector<isa::Sequence> sequences(kSequences);
            for (auto& s : sequences) {
                s.seed = random();
                s.request = random();
                s.temperature = temperatures[random() % 4];
                s.top_k = top_ks[random() % 4];
                s.top_p = top_ps[random() % 4];
                s.min_p = min_ps[random() % 2];
                s.repeat_penalty = penalties[random() % 3];
                s.repeat_last_n = static_cast<std::uint32_t>(random() % 120);
            }
            std::vector<std::uint32_t> history(kSequences * kHistory);
            for (auto& id : history)
                id = static_cast<std::uint32_t>(random() % n);
            std::vector<isa::Row> rows;
            for (std::uint32_t t = 0; t < 5; ++t)
                rows.push_back({static_cast<std::uint32_t>(random() % kSequences),
                                static_cast<std::uint32_t>(random() % kHistory)});
            const auto x = logits(rows.size(), n);

            auto op = make(isa::Opcode::Sample);
            op.rows = kT;
            op.dim = {n, kHistory};
            op.op[0] = at(rig->put(x, 4088));
            op.op[1] = at(rig->put(sequences, 4032));
            const auto tokens = rig->alloc(rows.size() * 4, 4092);
            op.op[2] = at(tokens);
            op.op[3] = at(rig->put(rows, 8));
            const auto history_va = rig->put(history, 4084);
            op.op[4] = at(history_va);
            run(op, rows.size());

            const auto got = rig->get<std::uint32_t>(tokens, rows.size());
            for (std::size_t t = 0; t < rows.size(); ++t) {
                const std::uint32_t q = rows[t].sequence;
                const auto past = row_of(history, q, kHistory);
                const auto& s = sequences[q];
                EXPECT_EQ(got[t], oracle::sample(row_of(x, t, n), s, rows[t].position, past))
                    << "N " << n << ", T " << s.temperature << ", k " << s.top_k << ", p "
                    << s.top_p << ", min " << s.min_p << ", penalty " << s.repeat_penalty;
                history[q * kHistory + rows[t].position] = got[t];
            }
            EXPECT_TRUE(same_bits(rig->get<std::uint32_t>(history_va, history.size()), history));
            EXPECT_TRUE(same_bits(rig->get<float>(op.op[0].offset, x.size()), x)) << "logits";
        }
}

TEST_P(Selection, SamplingFollowsTheDistribution) {
    // 20,000 draws at different positions: each token within five standard deviations.
    const std::vector<float> x = {0.0f, 1.0f, 2.0f, -1.0f};
    constexpr std::uint32_t kDraws = 20000;
    isa::Sequence s{};
    s.seed = 7;
    s.temperature = 1.0f;
    s.top_p = 1.0f;
    s.repeat_penalty = 1.0f;
    std::vector<isa::Row> rows;
    for (std::uint32_t p = 0; p < kDraws; ++p)
        rows.push_back({0, p});
    std::vector<float> all;
    for (std::uint32_t p = 0; p < kDraws; ++p)
        all.insert(all.end(), x.begin(), x.end());
    auto op = make(isa::Opcode::Sample);
    op.rows = kT;
    op.dim = {4, kDraws};
    op.op[0] = at(rig->put(all));
    op.op[1] = at(rig->put(std::vector<isa::Sequence>{s}));
    const auto tokens = rig->alloc(kDraws * 4);
    op.op[2] = at(tokens);
    op.op[3] = at(rig->put(rows));
    op.op[4] = at(rig->alloc(kDraws * 4));
    run(op, kDraws);
    const auto got = rig->get<std::uint32_t>(tokens, kDraws);
    double total = 0;
    for (float logit : x)
        total += std::exp(static_cast<double>(logit));
    for (std::uint32_t id = 0; id < 4; ++id) {
        const double p = std::exp(static_cast<double>(x[id])) / total;
        const auto count = static_cast<double>(std::count(got.begin(), got.end(), id));
        EXPECT_NEAR(count, p * kDraws, 5 * std::sqrt(kDraws * p * (1 - p))) << "token " << id;
    }
}
SKALD_ON_EVERY_SETUP(Selection, false);

}  // namespace
}  // namespace skald::test
