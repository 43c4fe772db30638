// SPDX-License-Identifier: MIT
// Whole decoders: the interpreter against the forward pass of these tests, plain and after passes;
// what observers are shown; weights as they are stored.
#include "interpret/interpreter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "backend/encode_row.hpp"
#include "forward.hpp"
#include "passes/passes.hpp"
#include "tiny_spec.hpp"

namespace skald::compiler {
namespace {

using interpret::Interpreter;
using interpret::Rows;
using test::TinyDecoder;
using test::TinyShape;

struct Case {
    const char* name;
    TinyShape shape;
};

void PrintTo(const Case& c, std::ostream* out) {
    *out << c.name;
}

std::vector<std::uint32_t> some_ids(std::size_t count) {
    std::vector<std::uint32_t> ids;
    for (std::size_t i = 0; i < count; ++i)
        ids.push_back(static_cast<std::uint32_t>(i * i * 31 % 257));
    return ids;
}

ir::Graph graph_of(const TinyDecoder& decoder) {
    return ir::build(decoder.spec, {.context = decoder.spec.context});
}

// In f32, with the passes that the product runs.
ir::Graph planned(const TinyDecoder& decoder) {
    ir::Graph graph = graph_of(decoder);
    PassOptions options;
    options.max_rows = 16;
    options.max_selected = 8;
    run_passes(graph, options);
    return graph;
}

void expect_same(const Rows& a, const Rows& b) {
    ASSERT_EQ(a.count(), b.count());
    for (std::size_t t = 0; t < a.count(); ++t)
        EXPECT_TRUE(std::ranges::equal(a[t], b[t])) << "row " << t;
}

class InterpretedLlamas : public ::testing::TestWithParam<Case> {};

TEST_P(InterpretedLlamas, ComputeWhatTheForwardPassDoes) {
    const TinyShape& shape = GetParam().shape;
    const TinyDecoder decoder(shape);
    const std::vector<std::uint32_t> ids = some_ids(29);
    const std::size_t length = 12;
    const ir::Graph graph = graph_of(decoder), fused = planned(decoder);
    const Rows logits = Interpreter(graph, {.threads = 2}).read(ids, length);
    ASSERT_EQ(logits.count(), ids.size());
    for (std::size_t begin = 0; begin < ids.size(); begin += length) {
        const std::vector<std::uint32_t> sequence(
            ids.begin() + static_cast<std::ptrdiff_t>(begin),
            ids.begin() + static_cast<std::ptrdiff_t>(std::min(begin + length, ids.size())));
        const auto expected = test::forward(shape, decoder.weights,
                                            decoder.spec.rotary.front().frequencies, sequence);
        for (std::size_t t = 0; t < expected.size(); ++t)
            for (std::size_t i = 0; i < expected[t].size(); ++i)
                ASSERT_NEAR(logits[begin + t][i], expected[t][i],
                            1e-4 * (1 + std::abs(expected[t][i])))
                    << "row " << begin + t << ", token " << i;
    }
    expect_same(Interpreter(graph, {.threads = 5}).read(ids, length), logits);
    expect_same(Interpreter(fused, {.threads = 2}).read(ids, length), logits);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, InterpretedLlamas,
    ::testing::Values(Case{"Plain", {}}, Case{"Untied", {.tied = false}},
                      Case{"Biased", {.attention_bias = true, .mlp_bias = true}},
                      Case{"OddLengths",
                           {.hidden = 36, .ffn = 50, .vocabulary = 263, .context = 24}},
                      Case{"OneLayer", {.layers = 1}}, Case{"Windowed", {.window = 5}}),
    [](const auto& param) { return param.param.name; });

std::vector<Rows> layers_of(const ir::Graph& graph, const std::vector<std::uint32_t>& ids) {
    std::vector<Rows> seen;
    interpret::Observers observers;
    observers.layer = [&](std::uint32_t layer, const Rows& x) {
        EXPECT_EQ(layer, seen.empty() ? ir::kNone : seen.size() - 1);
        seen.push_back(x);
    };
    Interpreter(graph, {.threads = 2}, observers).read(ids, ids.size());
    return seen;
}

// Three windowed layers and a full one, twice, and one more: a loop over the pattern.
TEST(Interpreter, ShowsEachLayerOfAPattern) {
    TinyDecoder decoder({.layers = 9});
    for (const std::size_t l : {0u, 1u, 2u, 4u, 5u, 6u, 8u})
        std::get<Attention>(decoder.spec.layers[l].mixer).window = 3;
    const std::vector<std::uint32_t> ids = some_ids(10);
    const ir::Graph graph = graph_of(decoder);
    ASSERT_EQ(graph.runs().front().period, 4u);
    const std::vector<Rows> seen = layers_of(graph, ids), after = layers_of(planned(decoder), ids);
    ASSERT_EQ(seen.size(), 10u);
    ASSERT_EQ(after.size(), 10u);
    for (std::size_t l = 0; l < seen.size(); ++l)
        expect_same(seen[l], after[l]);
    for (std::size_t l = 9; l > 1; l--) {  // without the last ones, those before are as they were
        const std::vector<Rows> fewer = layers_of(graph_of(decoder), ids);
        ASSERT_EQ(fewer.size(), l + 1);
        expect_same(fewer.back(), seen[l]);
        decoder.spec.layers.pop_back();
    }
}

// By matrix, in the order that a graph has; the head last and not computed.
TEST(Interpreter, ShowsWhatIsMultipliedAndLeavesTheHeadOut) {
    const TinyDecoder decoder({});
    const ir::Graph graph = graph_of(decoder);
    std::vector<std::string> seen;
    interpret::Observers observers;
    observers.product = [&](const interpret::Product& p) {
        const ir::Constant& c = graph.constants[p.matrix];
        EXPECT_EQ(p.x.width(), c.k);
        EXPECT_EQ(p.expert, ir::kNone);
        seen.push_back(c.layers.count == 0 ? c.name : c.name + std::to_string(p.round));
    };
    const std::vector<std::uint32_t> ids = some_ids(5);
    const Rows logits = Interpreter(graph, {.threads = 2, .logits = false}, observers).read(ids, 5);
    EXPECT_EQ(logits.count(), 0u);
    const std::vector<std::string> expected{"q0",  "k0",    "v0",  "o0",    "gate0",
                                            "up0", "down0", "q1",  "k1",    "v1",
                                            "o1",  "gate1", "up1", "down1", "head"};
    EXPECT_EQ(seen, expected);
}

// Encoded and decoded by hand, the weights give the same as what the interpreter makes of them.
TEST(Interpreter, ComputesWithWeightsAsTheyAreStored) {
    const std::vector<std::uint32_t> ids = some_ids(7);
    for (const isa::WeightFormat format :
         {isa::WeightFormat::I8B32, isa::WeightFormat::I4B32A, isa::WeightFormat::T2Row}) {
        TinyDecoder decoder({});
        each_matrix(decoder.spec, [&](std::string_view, std::optional<std::uint32_t>, Matrix& m) {
            m.format = format;
        });
        const Rows stored =
            Interpreter(planned(decoder), {.threads = 2, .weights = interpret::Weights::kStored})
                .read(ids, ids.size());
        for (auto& [name, tensor] : decoder.weights.tensors) {
            if (tensor.shape.size() < 2)
                continue;
            RowEncoder encoder(format);
            for (std::uint64_t r = 0; r < tensor.shape[0]; ++r) {
                const auto row =
                    std::span(tensor.data).subspan(r * tensor.shape[1], tensor.shape[1]);
                encoder.encode(row, name, r);
                encoder.decode(row);
            }
        }
        expect_same(Interpreter(planned(decoder), {.threads = 2}).read(ids, ids.size()), stored);
    }
}

}  // namespace
}  // namespace skald::compiler
