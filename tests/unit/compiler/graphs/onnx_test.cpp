// SPDX-License-Identifier: MIT
// A graph is the program, and the weights, of the folder it was exported from.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "compile.hpp"
#include "onnx_llama.hpp"
#include "raise/graph_model.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

using test::OnnxOptions;
using Operators = OnnxOptions::Operators;

// A multiple of 32 wide, as blocks of four bits need it.
constexpr test::TinyShape kShape{
    .layers = 3, .hidden = 64, .ffn = 96, .heads = 4, .kv_heads = 2, .head_dim = 16, .context = 64};

struct Both {
    std::shared_ptr<test::TemporaryFolder> temporary = std::make_shared<test::TemporaryFolder>();
    Model folder, graph;
};

Both models(const test::TinyShape& shape, const OnnxOptions& options,
            std::size_t external_from = SIZE_MAX) {
    Both b;
    test::TinyWeights weights = test::random_weights(shape);
    if (options.integer_weights)
        test::round_to_four_bits(weights);
    test::HfOptions how;
    how.weights = [&](test::TinyWeights& w) { w = weights; };
    test::write_hugging_face(*b.temporary / "model", shape, how);
    test::onnx_llama(shape, weights, options).write(*b.temporary / "model.onnx", external_from);
    b.folder = load_model(*b.temporary / "model");
    b.graph = load_graph(*b.temporary / "model.onnx", {.tokenizer = *b.temporary / "model"});
    return b;
}

std::vector<std::vector<float>> weights_of(const DecoderSpec& spec) {
    std::vector<std::vector<float>> all;
    each_matrix(spec, [&](std::string_view, std::optional<std::uint32_t>, const Matrix& m) {
        all.push_back(m.of.front()->values());
    });
    for (const Layer& l : spec.layers)
        for (const Norm* n : {&l.mixer_in, &l.ffn_in})
            all.push_back(n->gain->values());
    all.push_back(spec.output_norm.gain->values());
    return all;
}

void expect_same(Both b, WeightChoice weights = WeightChoice::kF32) {
    CompileOptions options;
    options.weights = weights;
    const Plan folder = plan(b.folder, options), graph = plan(b.graph, options);
    ASSERT_EQ(graph.program.size(), folder.program.size());
    EXPECT_EQ(std::memcmp(graph.program.data(), folder.program.data(),
                          folder.program.size() * sizeof(isa::MicroOp)),
              0);
    EXPECT_EQ(weights_of(b.graph.spec), weights_of(b.folder.spec));
    ASSERT_EQ(b.graph.spec.rotary.size(), 1u);
    EXPECT_EQ(b.graph.spec.rotary, b.folder.spec.rotary);
}

class AtOpset : public testing::TestWithParam<int> {};

TEST_P(AtOpset, PlainOperatorsAreTheFoldersProgram) {
    expect_same(models(kShape, {.opset = GetParam()}));
}

TEST_P(AtOpset, CachesAndMasksAndPositionsAsInputsAreTheFoldersProgram) {
    expect_same(models(kShape, {.opset = GetParam(), .cache = true}));
}

INSTANTIATE_TEST_SUITE_P(Onnx, AtOpset, testing::Values(13, 17, 21));

TEST(Onnx, AWindowIsReadOffTheMask) {
    test::TinyShape shape = kShape;
    shape.window = 11;
    for (const bool cache : {false, true}) {
        const Both b = models(shape, {.cache = cache});
        for (const Layer& l : b.graph.spec.layers)
            EXPECT_EQ(std::get<Attention>(l.mixer).window, 11u);
    }
}

TEST(Onnx, GroupQueryAttentionThatTurnsByItselfIsTheFoldersProgram) {
    expect_same(models(kShape, {.operators = Operators::kGroupQuery, .cache = true}));
    expect_same(models(kShape, {.operators = Operators::kGroupQuery}));
}

TEST(Onnx, ItsWindowIsTheModels) {
    test::TinyShape shape = kShape;
    shape.window = 9;
    const Both b = models(shape, {.operators = Operators::kGroupQuery, .cache = true});
    EXPECT_EQ(std::get<Attention>(b.graph.spec.layers[1].mixer).window, 9u);
}

TEST(Onnx, MultiHeadAttentionAndRotaryEmbeddingAreTheFoldersProgram) {
    test::TinyShape shape = kShape;
    shape.kv_heads = shape.heads;
    expect_same(models(shape, {.operators = Operators::kMultiHead, .cache = true}));
}

TEST(Onnx, OperatorsOfOpset23AreTheFoldersProgram) {
    expect_same(models(kShape, {.opset = 23, .operators = Operators::kOnnx23, .cache = true}));
}

TEST(Onnx, WeightsBesideTheFileAreThoseInIt) {
    expect_same(models(kShape, {}, 1024));
}

TEST(Onnx, RowsOfATransposedMatrixAreThoseOfTheWhole) {
    const Both b = models(kShape, {});
    for (const Layer& l : b.graph.spec.layers) {
        const Expr& e = std::get<FeedForward>(l.ffn).down.weight.of.front();
        const std::vector<float> all = e->values();
        std::vector<float> two(2 * e->columns());
        e->read(5, two);
        EXPECT_TRUE(std::ranges::equal(two, std::span(all).subspan(5 * e->columns(), two.size())));
    }
}

TEST(Onnx, AHeadOfItsOwnStaysOne) {
    test::TinyShape shape = kShape;
    shape.tied = false;
    expect_same(models(shape, {}));
}

TEST(Onnx, WeightsOfFourBitsStayIntegers) {
    Both b = models(kShape, {.integer_weights = true});
    CompileOptions options;
    const Plan p = plan(b.graph, options);
    for (const Layer& l : b.graph.spec.layers)
        EXPECT_EQ(std::get<FeedForward>(l.ffn).up.weight.format, isa::WeightFormat::I4B32);
    EXPECT_EQ(weights_of(b.graph.spec), weights_of(b.folder.spec));
}

TEST(Onnx, AFixedNumberOfTokensIsTheContext) {
    const Both b = models(kShape, {.tokens = 24});
    EXPECT_EQ(b.graph.spec.longest, 24u);
    EXPECT_EQ(b.graph.spec.context, 24u);
}

TEST(Onnx, ATableOfAnglesIsTheLongestContext) {
    test::TinyShape shape = kShape;
    shape.context = 40;
    EXPECT_EQ(
        models(shape, {.operators = Operators::kGroupQuery, .cache = true}).graph.spec.longest,
        40u);
}

TEST(Onnx, ExplainSaysWhatEachPartIs) {
    const Both b = models(kShape, {});
    std::string all;
    for (const std::string& line : explain_graph(*b.temporary / "model.onnx"))
        all += line + "\n";
    EXPECT_NE(all.find("embedding"), std::string::npos) << all;
    EXPECT_NE(all.find("layer 2 attention 4x16"), std::string::npos) << all;
    EXPECT_NE(all.find("layer 0 feed-forward"), std::string::npos) << all;
}

}  // namespace
}  // namespace skald::compiler
