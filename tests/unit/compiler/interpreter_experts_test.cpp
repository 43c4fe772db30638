// SPDX-License-Identifier: MIT
// Which experts a row goes to by every rule there is, and what comes back from them; against plain
// loops in double.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "interpret/interpreter.hpp"
#include "sketch.hpp"

namespace skald::compiler {
namespace {

using test::expect_near;
using test::Numbers;
using test::random_numbers;
using test::Sketch;

constexpr std::uint32_t kNone = ir::kNone;

struct Case {
    const char* name;
    ir::RouteAttributes a;
    bool biased = false;
};

void PrintTo(const Case& c, std::ostream* out) {
    *out << c.name;
}

std::vector<double> softmax(const std::vector<double>& x) {
    std::vector<double> out;
    double total = 0;
    for (const double v : x)
        total += std::exp(v);
    for (const double v : x)
        out.push_back(std::exp(v) / total);
    return out;
}

// Takes the largest away again and again; of equals the first.
std::size_t take_largest(std::vector<double>& values) {
    std::size_t best = values.size();
    for (std::size_t i = 0; i < values.size(); ++i)
        if (!std::isnan(values[i]) && (best == values.size() || values[i] > values[best]))
            best = i;
    values[best] = std::numeric_limits<double>::quiet_NaN();
    return best;
}

// [expert] -> weight, 0 where it is not chosen.
std::vector<double> weights_of(const ir::RouteAttributes& a, const std::vector<double>& logits,
                               const std::vector<double>& bias) {
    std::vector<double> scores = logits;
    if (a.score == isa::Score::Softmax)
        scores = softmax(logits);
    if (a.score == isa::Score::Sigmoid)
        for (double& s : scores)
            s = 1 / (1 + std::exp(-s));
    std::vector<double> choices = scores;
    for (std::size_t e = 0; e < bias.size(); ++e)
        choices[e] += bias[e];
    if (a.groups != 0) {
        const std::size_t size = a.experts / a.groups;
        std::vector<double> groups;
        for (std::size_t g = 0; g < a.groups; ++g) {
            std::vector<double> members(
                choices.begin() + static_cast<std::ptrdiff_t>(g * size),
                choices.begin() + static_cast<std::ptrdiff_t>((g + 1) * size));
            const std::vector<double> all = members;
            double score = all[take_largest(members)];
            if (a.group_sum2)
                score += all[take_largest(members)];
            groups.push_back(score);
        }
        std::vector<bool> kept(a.groups);
        for (std::uint32_t i = 0; i < a.groups_kept; ++i)
            kept[take_largest(groups)] = true;
        for (std::size_t e = 0; e < choices.size(); ++e)
            if (!kept[e / size])
                choices[e] = a.mask_out ? -INFINITY : 0;
    }
    std::vector<std::size_t> chosen;
    for (std::uint32_t i = 0; i < a.chosen; ++i)
        chosen.push_back(take_largest(choices));
    std::vector<double> weights;
    for (const std::size_t e : chosen)
        weights.push_back(scores[e]);
    if (a.score == isa::Score::SoftmaxChosen)
        weights = softmax(weights);
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    std::vector<double> out(a.experts);
    for (std::size_t i = 0; i < chosen.size(); ++i)
        out[chosen[i]] = (a.renormalise ? weights[i] / (total + a.eps) : weights[i]) * a.scale;
    return out;
}

class InterpretedExperts : public ::testing::TestWithParam<Case> {
  protected:
    static constexpr std::uint32_t kIn = 6, kMid = 5, kOut = 4;

    // Router of its own columns, one product of a row each, one of routed rows.
    struct Values {
        ir::ValueId mid, out;
    };
    Values build(Sketch& s, const ir::RouteAttributes& a, const std::vector<double>& bias,
                 bool onto) {
        s.graph.chosen = a.chosen;
        const auto logits = s.columns(0, a.experts), x = s.columns(a.experts, kIn);
        const auto slots = s.value(a.chosen), offsets = s.value(a.experts + 1, ir::Rows::kOne);
        const auto list = s.value(1, ir::Rows::kRouted), weights = s.value(1, ir::Rows::kRouted);
        const auto mid = s.value(kMid, ir::Rows::kRouted), out = s.value(kOut, ir::Rows::kRouted);
        s.push({ir::Op::kRoute,
                {logits},
                slots,
                kNone,
                bias.empty() ? kNone : s.vector({bias}),
                a,
                {offsets, list, weights}});
        s.push({ir::Op::kGroupedMatMul,
                {x, offsets, list},
                mid,
                s.matrix(first_),
                s.vector(bias_),
                {},
                {}});
        s.push({ir::Op::kGroupedMatMul, {mid, offsets}, out, s.matrix(second_), kNone, {}, {}});
        auto y = s.value(kOut);
        std::vector<ir::ValueId> in{out, weights, slots};
        if (onto) {
            y = s.columns(a.experts + kIn, kOut);
            in.push_back(y);
            y = s.graph.add_value({"onto", ir::Rows::kBatch, kOut, y, 0});
        }
        s.push({ir::Op::kCombine, in, y, kNone, kNone, {}, {}});
        return {mid, y};
    }

    void make_experts(std::uint32_t count) {
        for (std::uint32_t e = 0; e < count; ++e) {
            first_.push_back(random_numbers(kMid, kIn, 100 + e));
            second_.push_back(random_numbers(kOut, kMid, 200 + e));
            bias_.push_back(random_numbers(1, kMid, 300 + e)[0]);
        }
    }

    std::vector<double> expert(std::size_t e, const double* x) const {
        std::vector<double> mid = bias_[e], out(kOut);
        for (std::size_t i = 0; i < kMid; ++i)
            for (std::size_t k = 0; k < kIn; ++k)
                mid[i] += first_[e][i][k] * x[k];
        for (std::size_t i = 0; i < kOut; ++i)
            for (std::size_t k = 0; k < kMid; ++k)
                out[i] += second_[e][i][k] * mid[k];
        return out;
    }

    std::vector<Numbers> first_, second_;
    Numbers bias_;
};

TEST_P(InterpretedExperts, AreChosenWeighedAndAdded) {
    const auto& [name, a, biased] = GetParam();
    make_experts(a.experts);
    Numbers x = random_numbers(10, a.experts + kIn + kOut, 20);
    for (std::uint32_t e = 0; e < a.experts; ++e) {
        x[3][e] = 0.5;                      // all alike: the first ones
        x[4][e] = e % 2 == 0 ? 0.25 : 0.5;  // ties across groups
    }
    const std::vector<double> bias =
        biased ? random_numbers(1, a.experts, 21)[0] : std::vector<double>();
    for (const bool onto : {false, true}) {
        Sketch s(x);
        const Values values = build(s, a, bias, onto);
        Numbers expected;
        for (const auto& row : x) {
            std::vector<double> sum(kOut);
            if (onto)
                sum.assign(row.begin() + a.experts + kIn, row.end());
            const std::vector<double> weights =
                weights_of(a, std::vector<double>(row.begin(), row.begin() + a.experts), bias);
            for (std::size_t e = 0; e < a.experts; ++e) {
                const auto y = expert(e, row.data() + a.experts);
                for (std::size_t i = 0; i < kOut; ++i)
                    sum[i] += weights[e] * y[i];
            }
            expected.push_back(sum);
        }
        expect_near(s.read(values.out), expected);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Rules, InterpretedExperts,
    ::testing::Values(
        Case{"Mixtral", {.experts = 8, .chosen = 2, .renormalise = true}},
        Case{"Olmoe", {.experts = 8, .chosen = 3}},
        Case{"GptOss", {.experts = 8, .chosen = 4, .score = isa::Score::SoftmaxChosen}},
        Case{"One", {.experts = 4, .chosen = 1, .score = isa::Score::Sigmoid, .scale = 0.5f}},
        Case{"DeepSeekV2", {.experts = 8, .chosen = 3, .groups = 4, .groups_kept = 2, .scale = 16}},
        Case{"DeepSeekV3",
             {.experts = 8,
              .chosen = 3,
              .groups = 4,
              .groups_kept = 2,
              .score = isa::Score::Sigmoid,
              .renormalise = true,
              .group_sum2 = true,
              .scale = 2.5f,
              .eps = 1e-20f},
             true},
        Case{"MaskedOut",
             {.experts = 8,
              .chosen = 4,
              .groups = 2,
              .groups_kept = 1,
              .score = isa::Score::SoftmaxChosen,
              .mask_out = true,
              .eps = 0},
             true}),
    [](const auto& param) { return param.param.name; });

TEST_F(InterpretedExperts, ShowTheRowsThatChoseThem) {
    const ir::RouteAttributes a{.experts = 4, .chosen = 1};
    make_experts(4);
    Numbers x = random_numbers(5, 4 + kIn + kOut, 22);
    for (std::size_t t = 0; t < x.size(); ++t)  // expert 3 is never chosen
        for (std::uint32_t e = 0; e < 4; ++e)
            x[t][e] = e == t % 3 ? 2 : 0;
    Sketch s(x);
    const Values values = build(s, a, {}, false);
    s.graph.blocks.back().nodes = {{ir::Op::kLogits, {values.out}, kNone, kNone, kNone, {}, {}}};
    std::vector<std::pair<std::uint32_t, Numbers>> seen;
    interpret::Observers observers;
    observers.product = [&](const interpret::Product& p) {
        if (p.x.width() != kIn)
            return;
        Numbers rows;
        for (std::size_t i = 0; i < p.x.count(); ++i)
            rows.emplace_back(p.x[i].begin(), p.x[i].end());
        seen.emplace_back(p.expert, rows);
    };
    const std::vector<std::uint32_t> ids{0, 1, 2, 3, 4};
    interpret::Interpreter(s.graph, {.threads = 2}, observers).read(ids, 5);
    ASSERT_EQ(seen.size(), 3u);
    for (std::uint32_t e = 0; e < 3; ++e) {
        EXPECT_EQ(seen[e].first, e);
        Numbers expected;
        for (std::size_t t = e; t < 5; t += 3)
            expected.emplace_back(x[t].begin() + 4, x[t].begin() + 4 + kIn);
        EXPECT_EQ(seen[e].second, expected);
    }
}

}  // namespace
}  // namespace skald::compiler
