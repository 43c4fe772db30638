// SPDX-License-Identifier: MIT
// Each operation of a graph against a few lines in double, above all those that no Llama has.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "sketch.hpp"

namespace skald::compiler {
namespace {

using test::expect_near;
using test::Numbers;
using test::random_numbers;
using test::Sketch;

constexpr std::uint32_t kNone = ir::kNone;

std::vector<double> slice(const std::vector<double>& row, std::size_t begin, std::size_t count) {
    const auto from = row.begin() + static_cast<std::ptrdiff_t>(begin);
    return {from, from + static_cast<std::ptrdiff_t>(count)};
}

std::vector<double> times(const Numbers& matrix, const std::vector<double>& x) {
    std::vector<double> y;
    for (const auto& row : matrix) {
        double sum = 0;
        for (std::size_t k = 0; k < x.size(); ++k)
            sum += row[k] * x[k];
        y.push_back(sum);
    }
    return y;
}

// ---- rows of tables ----

TEST(Interpreter, ScalesWhatItGathersAndCountsPositionsFromTheSequence) {
    const Numbers tokens = random_numbers(5, 3, 1), positions = random_numbers(4, 3, 2);
    Sketch s(tokens);
    const auto scaled = s.value(3), by_position = s.value(3);
    s.push(
        {ir::Op::kGather, {}, scaled, s.matrix({tokens}), kNone, ir::GatherAttributes{2.5f}, {}});
    s.push({ir::Op::kGather,
            {},
            by_position,
            s.matrix({positions}),
            kNone,
            ir::GatherAttributes{1, true},
            {}});
    Numbers twice = tokens, expected;
    for (auto& row : twice)
        for (double& x : row)
            x *= 2.5;
    expect_near(s.read(scaled), twice);
    for (const std::size_t p : {0, 1, 2, 0, 1})
        expected.push_back(positions[p]);
    expect_near(s.read(by_position, 3), expected);
}

// ---- norms ----

struct NormCase {
    const char* name;
    Norm::Kind kind;
    std::uint32_t group;
    bool gain, bias, wide;  // wide: gain and bias of the row, not of a group
};

void PrintTo(const NormCase& c, std::ostream* out) {
    *out << c.name;
}

class InterpretedNorms : public ::testing::TestWithParam<NormCase> {};

TEST_P(InterpretedNorms, AreThoseOfThePaper) {
    const NormCase c = GetParam();
    const std::size_t width = 12, group = c.group == 0 ? width : c.group;
    Numbers x = random_numbers(4, width, 3);
    for (double& v : x[1])
        v += 100;  // a mean that is large beside the deviation
    const std::vector<double> gain = random_numbers(1, c.wide ? width : group, 4)[0];
    const std::vector<double> bias = random_numbers(1, c.wide ? width : group, 5)[0];
    Sketch s(x);
    const auto y = s.value(width);
    s.push({ir::Op::kNorm,
            {0},
            y,
            c.gain ? s.vector({gain}) : kNone,
            c.bias ? s.vector({bias}) : kNone,
            ir::NormAttributes{c.kind, 1e-3f, c.group},
            {}});
    Numbers expected = x;
    for (auto& row : expected)
        for (std::size_t begin = 0; begin < width; begin += group) {
            double mean = 0, squares = 0;
            for (std::size_t i = 0; i < group && c.kind == Norm::Kind::kLayer; ++i)
                mean += row[begin + i] / static_cast<double>(group);
            for (std::size_t i = 0; i < group; ++i)
                squares += (row[begin + i] - mean) * (row[begin + i] - mean);
            for (std::size_t i = 0; i < group; ++i) {
                double& v = row[begin + i];
                v = (v - mean) / std::sqrt(squares / static_cast<double>(group) + double{1e-3f});
                if (c.gain)
                    v *= gain[c.wide ? begin + i : i];
                if (c.bias)
                    v += bias[c.wide ? begin + i : i];
            }
        }
    expect_near(s.read(y), expected);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, InterpretedNorms,
    ::testing::Values(NormCase{"Rms", Norm::Kind::kRms, 0, true, false, false},
                      NormCase{"RmsNoGain", Norm::Kind::kRms, 0, false, false, false},
                      NormCase{"RmsGroups", Norm::Kind::kRms, 4, true, false, false},
                      NormCase{"Layer", Norm::Kind::kLayer, 0, true, true, false},
                      NormCase{"LayerNothing", Norm::Kind::kLayer, 0, false, false, false},
                      NormCase{"LayerGroups", Norm::Kind::kLayer, 3, true, true, false},
                      NormCase{"LayerGroupsGainRow", Norm::Kind::kLayer, 3, true, true, true}),
    [](const auto& param) { return param.param.name; });

// ---- products ----

TEST(Interpreter, MultipliesColumnsOfAValueAndAddsBiasAndResidual) {
    const Numbers x = random_numbers(5, 21, 6), w = random_numbers(37, 13, 7);
    const std::vector<double> bias = random_numbers(1, 37, 8)[0];
    Sketch s(x);
    const auto part = s.columns(8, 13), y = s.value(37);
    const auto weight = s.matrix({w}), offset = s.vector({bias});
    s.push({ir::Op::kMatMul, {part}, y, weight, offset, {}, {}});
    const auto sum = s.graph.add_value({"sum", ir::Rows::kBatch, 37, y, 0});
    s.push({ir::Op::kMatMul, {part, y}, sum, weight, kNone, {}, {}});
    Numbers expected;
    for (const auto& row : x) {
        expected.push_back(times(w, slice(row, 8, 13)));
        for (std::size_t i = 0; i < bias.size(); ++i)
            expected.back()[i] = 2 * expected.back()[i] + bias[i];
    }
    expect_near(s.read(sum), expected);
}

// ---- rotation ----

TEST(Interpreter, RotatesTheFirstColumnsOfAHeadAndTakesLongFrequenciesWhereTheyAreNeeded) {
    const RotaryTable table{{1, 0.25}, {0.5, 0.125}, 4, 1.5};
    const Numbers x = random_numbers(11, 12, 9);  // two heads of 6, of which 4 turn
    for (const std::size_t length : {4u, 6u}) {
        Sketch s(x);
        const auto y = s.graph.add_value({"rotated", ir::Rows::kBatch, 12, 0, 0});
        s.push({ir::Op::kRope, {0}, y, s.table(table), kNone, ir::RopeAttributes{6, 4}, {}});
        Numbers expected = x;
        for (std::size_t t = 0; t < x.size(); ++t) {
            const std::size_t begin = t / length * length;
            const bool stretched = std::min(length, x.size() - begin) > 4;
            for (const std::size_t head : {0u, 6u})
                for (const std::size_t i : {0u, 1u}) {
                    const double angle =
                        static_cast<double>(t - begin) *
                        (stretched ? table.long_frequencies : table.frequencies)[i];
                    const double a = x[t][head + i], b = x[t][head + i + 2];
                    expected[t][head + i] = 1.5 * (a * std::cos(angle) - b * std::sin(angle));
                    expected[t][head + i + 2] = 1.5 * (b * std::cos(angle) + a * std::sin(angle));
                }
        }
        expect_near(s.read(y, length), expected);
    }
}

// ---- attention ----

struct AttentionCase {
    const char* name;
    ir::AttentionAttributes a;
    double cap;
};

void PrintTo(const AttentionCase& c, std::ostream* out) {
    *out << c.name;
}

class InterpretedAttention : public ::testing::TestWithParam<AttentionCase> {};

TEST_P(InterpretedAttention, IsTheSumOfValuesByShares) {
    const auto& [name, a, cap] = GetParam();
    const std::uint32_t q_width = a.heads * a.k_dim, k_width = a.kv_heads * a.k_dim,
                        v_width = a.kv_heads * a.v_dim;
    const Numbers x = random_numbers(13, q_width + k_width + v_width, 10);
    const std::vector<double> sinks = random_numbers(1, a.heads, 11)[0];
    std::vector<double> parameters(16);
    parameters[0] = cap;
    if (a.sinks)
        parameters.insert(parameters.end(), sinks.begin(), sinks.end());
    Sketch s(x);
    const auto q = s.columns(0, q_width), k = s.columns(q_width, k_width),
               v = s.columns(q_width + k_width, v_width), y = s.value(a.heads * a.v_dim);
    s.push({ir::Op::kKvAppend,
            {k, v},
            kNone,
            kNone,
            kNone,
            ir::KvAttributes{a.kv_heads, a.k_dim, a.v_dim, a.cache},
            {}});
    s.push({ir::Op::kAttention,
            {q},
            y,
            a.soft_cap || a.sinks ? s.vector({parameters}) : kNone,
            kNone,
            a,
            {}});

    const std::size_t length = 9;
    Numbers expected;
    for (std::size_t t = 0; t < x.size(); ++t) {
        const std::size_t begin = t / length * length;
        const std::size_t first =
            a.window != 0 && t + 1 > begin + a.window ? t + 1 - a.window : begin;
        std::vector<double> row(a.heads * a.v_dim);
        for (std::size_t h = 0; h < a.heads; ++h) {
            const std::size_t of = h / (a.heads / a.kv_heads);
            std::vector<double> e;
            double total = a.sinks ? std::exp(sinks[h]) : 0;
            for (std::size_t j = first; j <= t; ++j) {
                double score = 0;
                for (std::size_t d = 0; d < a.k_dim; ++d)
                    score += x[t][h * a.k_dim + d] * x[j][q_width + of * a.k_dim + d];
                score *= a.scale;
                if (a.soft_cap)
                    score = cap * std::tanh(score / cap);
                total += e.emplace_back(std::exp(score));
            }
            for (std::size_t j = first; j <= t; ++j)
                for (std::size_t d = 0; d < a.v_dim; ++d)
                    row[h * a.v_dim + d] +=
                        e[j - first] / total * x[j][q_width + k_width + of * a.v_dim + d];
        }
        expected.push_back(row);
    }
    expect_near(s.read(y, length), expected);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, InterpretedAttention,
    ::testing::Values(
        AttentionCase{
            "Plain",
            {.heads = 4, .kv_heads = 2, .k_dim = 6, .v_dim = 6, .scale = 0.7f, .cache = {}},
            0},
        AttentionCase{"NarrowValues",
                      {.heads = 2, .kv_heads = 2, .k_dim = 10, .v_dim = 4, .scale = 1, .cache = {}},
                      0},
        AttentionCase{"Windowed",
                      {.heads = 2,
                       .kv_heads = 1,
                       .k_dim = 4,
                       .v_dim = 4,
                       .scale = 2,
                       .window = 3,
                       .cache = {}},
                      0},
        AttentionCase{"Capped",
                      {.heads = 2,
                       .kv_heads = 1,
                       .k_dim = 8,
                       .v_dim = 8,
                       .scale = 3,
                       .soft_cap = true,
                       .cache = {}},
                      1.5},
        AttentionCase{"Sinks",
                      {.heads = 4,
                       .kv_heads = 2,
                       .k_dim = 4,
                       .v_dim = 4,
                       .scale = 0.5f,
                       .sinks = true,
                       .cache = {}},
                      0},
        AttentionCase{"All",
                      {.heads = 4,
                       .kv_heads = 2,
                       .k_dim = 4,
                       .v_dim = 2,
                       .scale = -2,
                       .window = 5,
                       .soft_cap = true,
                       .sinks = true,
                       .cache = {}},
                      2}),
    [](const auto& param) { return param.param.name; });

// ---- functions ----

struct FunctionCase {
    const char* name;
    ir::FunctionAttributes f;
    double (*of)(double);
};

void PrintTo(const FunctionCase& c, std::ostream* out) {
    *out << c.name;
}

class InterpretedFunctions : public ::testing::TestWithParam<FunctionCase> {};

double logistic(double x) {
    return 1 / (1 + std::exp(-x));
}

TEST_P(InterpretedFunctions, StandAloneAndGate) {
    Numbers x = random_numbers(3, 16, 12);
    for (auto& row : x)
        for (double& v : row)
            v *= 4;
    Sketch s(x);
    const auto gate = s.columns(0, 8), up = s.columns(8, 8), alone = s.value(16), y = s.value(8);
    s.push({ir::Op::kActivation, {0}, alone, kNone, kNone, GetParam().f, {}});
    s.push({ir::Op::kGlu, {gate, up}, y, kNone, kNone, GetParam().f, {}});
    Numbers of = x, gated;
    for (auto& row : of) {
        for (double& v : row)
            v = GetParam().of(v);
    }
    for (std::size_t t = 0; t < x.size(); ++t) {
        gated.emplace_back();
        for (std::size_t i = 0; i < 8; ++i)
            gated[t].push_back(of[t][i] * x[t][8 + i]);
    }
    expect_near(s.read(alone), of);
    expect_near(s.read(y), gated);
}

INSTANTIATE_TEST_SUITE_P(
    All, InterpretedFunctions,
    ::testing::Values(
        FunctionCase{"Silu", {isa::Activation::Silu}, [](double x) { return x * logistic(x); }},
        FunctionCase{"GeluTanh",
                     {isa::Activation::GeluTanh},
                     [](double x) {
                         return 0.5 * x *
                                (1 + std::tanh(std::sqrt(2 / std::numbers::pi) *
                                               (x + 0.044715 * x * x * x)));
                     }},
        FunctionCase{"GeluErf",
                     {isa::Activation::GeluErf},
                     [](double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }},
        FunctionCase{"Relu", {isa::Activation::Relu}, [](double x) { return std::max(x, 0.0); }},
        FunctionCase{"Relu2",
                     {isa::Activation::Relu2},
                     [](double x) { return std::pow(std::max(x, 0.0), 2); }},
        FunctionCase{"Sigmoid", {isa::Activation::Sigmoid}, logistic},
        FunctionCase{"Tanh", {isa::Activation::Tanh}, [](double x) { return std::tanh(x); }},
        FunctionCase{"SoftCap",
                     {isa::Activation::SoftCap, 2},
                     [](double x) { return 2 * std::tanh(x / 2); }},
        FunctionCase{"Clamp",
                     {isa::Activation::Clamp, -0.5f, 1.5f},
                     [](double x) { return std::clamp(x, -0.5, 1.5); }},
        FunctionCase{"Scale", {isa::Activation::Scale, 0.25f}, [](double x) { return x / 4; }}),
    [](const auto& param) { return param.param.name; });

TEST(Interpreter, ClampsBothSidesOfASwiglu) {
    Numbers x = random_numbers(4, 8, 13);
    for (auto& row : x)
        for (double& v : row)
            v *= 3;
    Sketch s(x);
    const auto gate = s.columns(0, 4), up = s.columns(4, 4), y = s.value(4);
    s.push({ir::Op::kGlu,
            {gate, up},
            y,
            kNone,
            kNone,
            ir::FunctionAttributes{isa::Activation::SwigluClamped, 1.75f, 2},
            {}});
    Numbers expected;
    for (const auto& row : x) {
        expected.emplace_back();
        for (std::size_t i = 0; i < 4; ++i) {
            const double g = std::min(row[i], 2.0), u = std::clamp(row[4 + i], -2.0, 2.0);
            expected.back().push_back((u + 1) * g * logistic(1.75 * g));
        }
    }
    expect_near(s.read(y), expected);
}

TEST(Interpreter, AddsAndMultipliesWithFactorsOfOnesOwnOrOfTheRow) {
    const Numbers x = random_numbers(3, 9, 14);
    Sketch s(x);
    const auto a = s.columns(0, 4), b = s.columns(4, 4), factor = s.columns(8, 1);
    const auto sum = s.value(4), product = s.value(4), by_row = s.value(4);
    s.push({ir::Op::kAdd, {a, b}, sum, kNone, kNone, ir::ScaleAttributes{-0.5f}, {}});
    s.push({ir::Op::kMul, {a, b}, product, kNone, kNone, ir::ScaleAttributes{3}, {}});
    s.push({ir::Op::kMul, {a, factor}, by_row, kNone, kNone, ir::ScaleAttributes{}, {}});
    Numbers sums, products, by_rows;
    for (const auto& row : x) {
        sums.emplace_back(), products.emplace_back(), by_rows.emplace_back();
        for (std::size_t i = 0; i < 4; ++i) {
            sums.back().push_back(row[i] - row[4 + i] / 2);
            products.back().push_back(row[i] * row[4 + i] * 3);
            by_rows.back().push_back(row[i] * row[8]);
        }
    }
    expect_near(s.read(sum), sums);
    expect_near(s.read(product), products);
    expect_near(s.read(by_row), by_rows);
}

TEST(Interpreter, RepeatsColumnsInPlace) {
    const Numbers x = random_numbers(3, 17, 15);
    Sketch s(x);
    const auto shared = s.columns(0, 2), heads = s.columns(2, 15);
    const auto y = s.graph.add_value({"whole", ir::Rows::kBatch, 15, heads, 0});
    s.push({ir::Op::kRepeat, {shared, heads}, y, kNone, kNone, ir::RepeatAttributes{3, 5}, {}});
    Numbers expected;
    for (const auto& row : x) {
        expected.push_back(slice(row, 2, 15));
        for (const std::size_t head : {0u, 5u, 10u})
            std::copy_n(row.begin(), 2,
                        expected.back().begin() + static_cast<std::ptrdiff_t>(head));
    }
    expect_near(s.read(y), expected);
}

TEST(Interpreter, ConvolvesWithWhatIsBeforeInTheSequence) {
    const Numbers x = random_numbers(9, 5, 16), taps = random_numbers(3, 5, 17);
    const std::vector<double> bias = random_numbers(1, 5, 18)[0];
    std::vector<double> w;
    for (const auto& row : taps)
        w.insert(w.end(), row.begin(), row.end());
    for (const bool biased : {false, true}) {
        Sketch s(x);
        const auto y = s.graph.add_value({"conv", ir::Rows::kBatch, 5, 0, 0});
        s.push({ir::Op::kConv,
                {0},
                y,
                s.vector({w}),
                biased ? s.vector({bias}) : kNone,
                ir::ConvAttributes{3, {}},
                {}});
        Numbers expected;
        const std::size_t length = 5;
        for (std::size_t t = 0; t < x.size(); ++t) {
            expected.emplace_back(biased ? bias : std::vector<double>(5));
            for (std::size_t back = 0; back <= std::min<std::size_t>(2, t % length); ++back)
                for (std::size_t c = 0; c < 5; ++c)
                    expected[t][c] += taps[2 - back][c] * x[t - back][c];
        }
        expect_near(s.read(y, length), expected);
    }
}

}  // namespace
}  // namespace skald::compiler
