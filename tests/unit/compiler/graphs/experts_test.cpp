// SPDX-License-Identifier: MIT
// com.microsoft's experts, dense and quantised, are the card's experts.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "expect_error.hpp"
#include "judged_graph.hpp"
#include "onnx_llama.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

using Ints = std::vector<std::int64_t>;
using Int = std::int64_t;

constexpr test::TinyShape kShape{
    .layers = 2, .hidden = 64, .ffn = 96, .heads = 4, .kv_heads = 2, .head_dim = 16, .context = 64};

struct Mixture {
    std::string name;
    std::string activation = "swiglu";
    float alpha = 1, beta = 0, limit = 0;  // 0: none
    int bits = 0;                          // 0: dense
    int block = 0;                         // 0: a scale for each row
    bool biases = false, zeros = false, third = false, normalise = true;
    Int fusion = 1, experts = 6, chosen = 2, inner = 32;
    // What ONNX Runtime's kernels on processors do not have.
    bool judged = true;
    bool router_weights = false;
};

// Numbers that f16 holds, so that blocks can be kept.
class Numbers {
  public:
    explicit Numbers(unsigned seed) : engine_(seed) {}

    std::vector<float> floats(Int n, float scale) {
        std::vector<float> out;
        for (Int i = 0; i < n; ++i)
            out.push_back(scale * static_cast<float>(static_cast<int>(engine_() % 257) - 128) /
                          128);
        return out;
    }
    std::vector<std::uint8_t> bytes(Int n) {
        std::vector<std::uint8_t> out;
        for (Int i = 0; i < n; ++i)
            out.push_back(static_cast<std::uint8_t>(engine_()));
        return out;
    }
    std::vector<float> scales(Int n, float scale) {
        std::vector<float> out;
        for (Int i = 0; i < n; ++i)
            out.push_back(scale * static_cast<float>(1 + engine_() % 4));
        return out;
    }

  private:
    std::mt19937 engine_;
};

std::string write_experts(test::GraphWriter& g, const Mixture& m, std::uint32_t layer,
                          const std::string& x) {
    Numbers numbers(100 + layer);
    const Int hidden = kShape.hidden, e = m.experts;
    const Int first = m.activation == "swiglu" && !m.third ? 2 * m.inner : m.inner;
    const std::string scores =
        g.node("MatMul", {x, g.floats({hidden, e}, numbers.floats(hidden * e, 0.5f))});
    const std::string router = g.node("Reshape", {scores, g.ints({-1, e})});
    test::GraphWriter::Attributes a{{"k", m.chosen},
                                    {"activation_type", m.activation},
                                    {"normalize_routing_weights", Int{m.normalise}}};
    if (m.activation == "swiglu") {
        a.emplace_back("swiglu_fusion", m.third ? Int{0} : m.fusion);
        a.emplace_back("activation_alpha", m.alpha);
        a.emplace_back("activation_beta", m.beta);
        if (m.limit != 0)
            a.emplace_back("swiglu_limit", m.limit);
    }
    std::vector<std::string> in{x, router};
    const auto bias = [&](Int n) {
        return m.biases ? g.floats({e, n}, numbers.floats(e * n, 0.25f)) : std::string();
    };
    if (m.bits == 0) {
        const auto add = [&](Int n, Int k) {
            in.push_back(g.floats({e, n, k}, numbers.floats(e * n * k, 0.25f)));
            in.push_back(bias(n));
        };
        add(first, hidden);
        add(hidden, m.inner);
        if (m.third)
            add(m.inner, hidden);
        return g.node("com.microsoft.MoE", in, a);
    }
    std::vector<std::string> zeros;
    const auto add = [&](Int n, Int k) {
        in.push_back(g.bytes({e, n, k * m.bits / 8}, numbers.bytes(e * n * k * m.bits / 8)));
        const Int blocks = m.block == 0 ? 1 : k / m.block;
        const Ints shape = m.block == 0 ? Ints{e, n} : Ints{e, n, blocks};
        in.push_back(
            g.floats(shape, numbers.scales(e * n * blocks, m.bits == 4 ? 0x1p-7f : 0x1p-11f)));
        in.push_back(bias(n));
        const Int bytes = m.bits == 4 ? (blocks + 1) / 2 : blocks;
        zeros.push_back(m.zeros ? g.bytes({e, n, bytes}, numbers.bytes(e * n * bytes)) : "");
    };
    add(first, hidden);
    add(hidden, m.inner);
    if (m.third)
        add(m.inner, hidden);
    in.resize(11);
    in.insert(in.end(), zeros.begin(), zeros.end());
    in.resize(14);
    if (m.router_weights)
        in.push_back(g.node("Sigmoid", {router}));
    while (in.back().empty())
        in.pop_back();
    a.emplace_back("expert_weight_bits", Int{m.bits});
    if (m.block != 0)
        a.emplace_back("block_size", Int{m.block});
    return g.node("com.microsoft.QMoE", in, a);
}

struct Graph {
    test::TemporaryFolder folder;
    std::filesystem::path path = folder / "model.onnx";

    explicit Graph(const Mixture& m) {
        test::OnnxOptions options;
        options.feed_forward = [&](test::GraphWriter& g, std::uint32_t layer,
                                   const std::string& x) { return write_experts(g, m, layer, x); };
        test::onnx_llama(kShape, test::random_weights(kShape), options).write(path);
    }
};

const std::vector<Mixture> kMixtures{
    {.name = "Dense"},
    {.name = "DenseGptOss", .alpha = 1.702f, .beta = 1, .limit = 7, .biases = true},
    {.name = "DenseSwiglu", .alpha = 1.702f, .beta = 1, .limit = 1.5f},
    {.name = "DenseHalves", .fusion = 2, .judged = false},
    {.name = "DenseRelu", .activation = "relu", .biases = true},
    {.name = "DenseGelu", .activation = "gelu", .normalise = false},
    {.name = "DenseSilu", .activation = "silu"},
    {.name = "DenseThird", .activation = "silu", .third = true, .judged = false},
    {.name = "OneChosen", .normalise = false, .chosen = 1},
    {.name = "FourBits", .bits = 4},
    {.name = "FourBitsInBlocks", .bits = 4, .block = 32},
    {.name = "FourBitsGptOss",
     .alpha = 1.702f,
     .beta = 1,
     .limit = 7,
     .bits = 4,
     .block = 32,
     .biases = true},
    {.name = "FourBitsWithZeros", .bits = 4, .block = 32, .zeros = true, .judged = false},
    {.name = "EightBits", .bits = 8},
    {.name = "EightBitsInBlocks", .bits = 8, .block = 32, .biases = true},
    {.name = "EightBitsThird", .activation = "silu", .bits = 8, .third = true, .judged = false},
    {.name = "WeighedBySigmoids", .bits = 4, .block = 32, .judged = false, .router_weights = true},
};

void PrintTo(const Mixture& m, std::ostream* out) {
    *out << m.name;
}

class Experts : public testing::TestWithParam<Mixture> {};

TEST_P(Experts, ComputeWhatTheGraphMeans) {
    const Graph file(GetParam());
    const graphs::TensorGraph g = graphs::import_graph(file.path);
    const DecoderSpec spec = raising::raise(g).spec;
    const auto& e = std::get<compiler::Experts>(spec.layers.at(1).ffn);
    EXPECT_EQ(e.count, GetParam().experts);
    EXPECT_EQ(e.chosen, GetParam().chosen);
    const auto ids = test::some_ids(kShape.vocabulary);
    test::expect_near(test::raised_logits(spec, ids), test::evaluated_logits(g, ids));
}

TEST_P(Experts, ComputeTheSameInOnnxRuntime) {
    SKALD_NEED_ONNX_RUNTIME();
    if (!test::onnx_runtime_is_at_least(1, 23))
        GTEST_SKIP() << "ONNX Runtime before 1.23 has no experts on processors";
    if (!GetParam().judged)
        GTEST_SKIP() << "ONNX Runtime has no such experts on processors";
    const Graph file(GetParam());
    const auto ids = test::some_ids(kShape.vocabulary);
    const graphs::TensorGraph g = graphs::import_graph(file.path);
    const DecoderSpec spec = raising::raise(g).spec;
    // Its kernels of blocks of 4 and 8 bits round what they read to 8 bits.
    const double tolerance = GetParam().bits == 0 ? 2e-4 : 3e-2;
    test::expect_near(test::raised_logits(spec, ids), test::judged(file.path, ids), tolerance);
}

INSTANTIATE_TEST_SUITE_P(Onnx, Experts, testing::ValuesIn(kMixtures),
                         [](const auto& of) { return of.param.name; });

TEST(OnnxExperts, BlocksOfFourBitsStayIntegers) {
    const Graph file({.name = "", .bits = 4, .block = 32});
    const graphs::TensorGraph g = graphs::import_graph(file.path);
    const DecoderSpec spec = raising::raise(g).spec;
    for (const Layer& l : spec.layers) {
        const auto& e = std::get<compiler::Experts>(l.ffn).expert;
        for (const Linear* part : {&e.gate, &e.up, &e.down})
            for (const Expr& of : part->weight.of)
                EXPECT_EQ(of->types(), "q4_0");
    }
}

TEST(OnnxExperts, WhatIsNotComputedIsNamed) {
    using Change = std::function<void(onnx::NodeProto&)>;
    const auto refuse = [](const Mixture& m, const Change& change,
                           std::initializer_list<const char*> words) {
        const test::TemporaryFolder folder;
        test::OnnxOptions options;
        options.feed_forward = [&](test::GraphWriter& g, std::uint32_t layer,
                                   const std::string& x) { return write_experts(g, m, layer, x); };
        test::GraphWriter g = test::onnx_llama(kShape, test::random_weights(kShape), options);
        for (auto& n : *g.graph().mutable_node())
            if (n.op_type() == "MoE" || n.op_type() == "QMoE")
                change(n);
        g.write(folder / "model.onnx");
        test::expect_error([&] { raising::raise(graphs::import_graph(folder / "model.onnx")); },
                           words);
    };
    const auto set = [](const char* name, Int value) {
        return [=](onnx::NodeProto& n) {
            for (auto& a : *n.mutable_attribute())
                if (a.name() == name)
                    return a.set_i(value);
            auto& a = *n.add_attribute();
            a.set_name(name);
            a.set_type(2);
            a.set_i(value);
        };
    };
    const Mixture four{.name = "", .bits = 4, .block = 32}, dense{.name = ""};
    refuse(dense, set("use_sparse_mixer", 1), {"/MoE_", "use_sparse_mixer"});
    refuse(dense, set("k", 7), {"/MoE_", "7 of 6 experts"});
    refuse(dense, set("swiglu_fusion", 0), {"/MoE_", "swiglu_fusion 0"});
    refuse(four, set("expert_weight_bits", 2), {"/QMoE_", "2 bits"});
    refuse(four, set("block_size", 48), {"/QMoE_", "blocks of 48"});
    refuse(four, set("block_size", 64), {"/QMoE_", "scales of"});
    refuse({.name = "", .alpha = 1.1f, .beta = 0}, [](onnx::NodeProto&) {},
           {"no function of the card"});
}

// ---- as torch.onnx writes those of transformers ----

constexpr Int kMany = 8, kChosen = 2, kInner = 32;

class Written {
  public:
    Written(test::GraphWriter& g, std::uint32_t layer) : g_(g), numbers_(200 + layer) {}

    std::string floats(const Ints& shape, float scale) {
        Int n = 1;
        for (const Int d : shape)
            n *= d;
        return g_.floats(shape, numbers_.floats(n, scale));
    }
    std::string reshaped(const std::string& x, const Ints& shape) {
        return g_.node("Reshape", {x, g_.ints(shape)});
    }
    // The weights of those chosen at their places, and nothing elsewhere: [tokens, experts].
    std::string scattered(const std::string& scores, const std::string& places,
                          const std::string& weights) {
        const std::string shape = g_.node("Shape", {scores});
        const std::string zeros = g_.node("ConstantOfShape", {shape});
        return g_.node("ScatterElements", {zeros, places, weights}, {{"axis", Int{1}}});
    }
    std::string top(const std::string& x, Int k) {
        return g_.node("TopK", {x, g_.ints({k})}, {{"axis", Int{-1}}}, 2);
    }
    static std::string places(const std::string& top) { return test::GraphWriter::output(top, 1); }

  private:
    test::GraphWriter& g_;
    Numbers numbers_;
};

// Every expert computes every token; weights are nothing for most of them.
std::string gpt_oss(test::GraphWriter& g, std::uint32_t layer, const std::string& x) {
    Written w(g, layer);
    const Int hidden = kShape.hidden;
    const std::string rows = w.reshaped(x, {-1, hidden});
    const std::string scores =
        g.node("Gemm", {rows, w.floats({kMany, hidden}, 0.5f), w.floats({kMany}, 0.25f)},
               {{"transB", Int{1}}});
    const std::string top = w.top(scores, kChosen);
    const std::string weights = g.node("Softmax", {top}, {{"axis", Int{1}}});
    const std::string router = w.scattered(scores, Written::places(top), weights);
    std::string all = w.reshaped(g.node("Tile", {rows, g.ints({kMany, 1})}), {kMany, -1, hidden});
    all = g.node("MatMul", {all, w.floats({kMany, hidden, 2 * kInner}, 0.25f)});
    all = g.node("Add", {all, w.floats({kMany, 1, 2 * kInner}, 0.25f)});
    const auto every_second = [&](Int first) {
        return g.node("Slice",
                      {all, g.ints({first}), g.ints({INT64_MAX}), g.ints({2}), g.ints({2})});
    };
    const std::string gate = g.node("Clip", {every_second(0), "", g.number(7)});
    const std::string up = g.node("Clip", {every_second(1), g.number(-7), g.number(7)});
    const std::string share = g.node("Sigmoid", {g.node("Mul", {gate, g.number(1.702f)})});
    const std::string mid =
        g.node("Mul", {g.node("Add", {up, g.number(1)}), g.node("Mul", {gate, share})});
    std::string out = g.node("MatMul", {mid, w.floats({kMany, kInner, hidden}, 0.25f)});
    out = g.node("Add", {out, w.floats({kMany, 1, hidden}, 0.25f)});
    const std::string turned = g.node("Transpose", {router}, {{"perm", Ints{1, 0}}});
    out = g.node("Mul", {out, g.unsqueeze(turned, 2)});
    out = g.node("ReduceSum", {out, g.ints({0})}, {{"keepdims", Int{0}}});
    return w.reshaped(out, {1, -1, hidden});
}

// Sigmoids, a bias where experts are chosen, and of `groups` the best half.
std::string deepseek(test::GraphWriter& g, std::uint32_t layer, const std::string& x, Int groups,
                     float masked) {
    Written w(g, layer);
    const Int hidden = kShape.hidden;
    const std::string rows = w.reshaped(x, {-1, hidden});
    const std::string scores =
        g.node("Sigmoid", {g.node("MatMul", {rows, w.floats({hidden, kMany}, 0.5f)})});
    std::string choice = g.node("Add", {scores, w.floats({kMany}, 0.125f)});
    const std::string members = w.reshaped(choice, {-1, groups, kMany / groups});
    const std::string of_groups =
        g.node("ReduceSum", {w.top(members, 2), g.ints({-1})}, {{"keepdims", Int{0}}});
    const std::string best = w.top(of_groups, (groups + 1) / 2);
    const std::string ones = g.node(
        "Cast", {g.node("Cast", {Written::places(best)}, {{"to", Int{9}}})}, {{"to", Int{1}}});
    const std::string kept =
        w.scattered(of_groups, Written::places(best),
                    g.node("Add", {g.node("Mul", {ones, g.number(0)}), g.number(1)}));
    std::string mask = g.node("Expand", {g.unsqueeze(kept, 2), g.ints({1, 1, kMany / groups})});
    mask = g.node("Cast", {w.reshaped(mask, {-1, kMany})}, {{"to", Int{9}}});
    choice = g.node("Where", {mask, choice, g.number(masked)});
    const std::string places = Written::places(w.top(choice, kChosen));
    std::string weights = g.node("GatherElements", {scores, places}, {{"axis", Int{1}}});
    const std::string sum = g.node(
        "Add",
        {g.node("ReduceSum", {weights, g.ints({-1})}, {{"keepdims", Int{1}}}), g.number(1e-20f)});
    weights = g.node("Mul", {g.node("Div", {weights, sum}), g.number(2.5f)});
    const std::string router = w.scattered(scores, places, weights);
    std::string y;
    for (Int e = 0; e < kMany; ++e) {
        const std::string gate = g.node("MatMul", {rows, w.floats({hidden, kInner}, 0.25f)});
        const std::string up = g.node("MatMul", {rows, w.floats({hidden, kInner}, 0.25f)});
        const std::string mid =
            g.node("Mul", {g.node("Mul", {gate, g.node("Sigmoid", {gate})}), up});
        const std::string out = g.node("MatMul", {mid, w.floats({kInner, hidden}, 0.25f)});
        const std::string own = g.node("Gather", {router, g.ints({e})}, {{"axis", Int{1}}});
        const std::string part = g.node("Mul", {out, own});
        y = e == 0 ? part : g.node("Add", {y, part});
    }
    return w.reshaped(y, {1, -1, hidden});
}

// Each token's weights are taken from all, and stand first in its products.
std::string batched(test::GraphWriter& g, std::uint32_t layer, const std::string& x) {
    Written w(g, layer);
    const Int hidden = kShape.hidden;
    const std::string rows = w.reshaped(x, {-1, hidden});
    const std::string scores = g.node(
        "Softmax", {g.node("MatMul", {rows, w.floats({hidden, kMany}, 0.5f)})}, {{"axis", Int{1}}});
    const std::string top = w.top(scores, kChosen);
    const std::string places = w.reshaped(Written::places(top), {-1});
    const auto own = [&](const Ints& shape) {
        return g.node("Gather", {w.floats(shape, 0.25f), places}, {{"axis", Int{0}}});
    };
    const std::string each = g.node("Expand", {g.unsqueeze(rows, 1), g.ints({1, kChosen, 1})});
    const std::string both =
        g.node("MatMul", {own({kMany, 2 * kInner, hidden}), w.reshaped(each, {-1, hidden, 1})});
    const auto half = [&](Int first) {
        return g.node("Slice", {both, g.ints({first}), g.ints({first + kInner}), g.ints({1})});
    };
    const std::string gate = half(0);
    const std::string mid =
        g.node("Mul", {g.node("Mul", {gate, g.node("Sigmoid", {gate})}), half(kInner)});
    const std::string out = g.node("MatMul", {own({kMany, hidden, kInner}), mid});
    const std::string weighed =
        g.node("Mul", {w.reshaped(out, {-1, kChosen, hidden}), g.unsqueeze(top, 2)});
    return w.reshaped(g.node("ReduceSum", {weighed, g.ints({1})}, {{"keepdims", Int{0}}}),
                      {1, -1, hidden});
}

struct Router {
    std::string name;
    std::function<std::string(test::GraphWriter&, std::uint32_t, const std::string&)> write;
    std::uint32_t groups = 0;
};

void PrintTo(const Router& r, std::ostream* out) {
    *out << r.name;
}

class Routers : public testing::TestWithParam<Router> {};

TEST_P(Routers, AreTheCards) {
    const test::TemporaryFolder folder;
    test::OnnxOptions options;
    options.feed_forward = GetParam().write;
    test::onnx_llama(kShape, test::random_weights(kShape), options).write(folder / "model.onnx");
    const graphs::TensorGraph g = graphs::import_graph(folder / "model.onnx");
    const DecoderSpec spec = raising::raise(g).spec;
    EXPECT_EQ(std::get<compiler::Experts>(spec.layers.at(0).ffn).groups, GetParam().groups);
    const auto ids = test::some_ids(kShape.vocabulary);
    const auto logits = test::raised_logits(spec, ids);
    test::expect_near(logits, test::evaluated_logits(g, ids));
    if (test::onnx_runtime())
        test::expect_near(logits, test::judged(folder / "model.onnx", ids));
}

INSTANTIATE_TEST_SUITE_P(
    Transformers, Routers,
    testing::Values(
        Router{"GptOss", gpt_oss}, Router{"WeightsByToken", batched},
        Router{"DeepseekV3", [](auto& g, auto l, const auto& x) { return deepseek(g, l, x, 4, 0); },
               4},
        Router{"DeepseekV3Masked",
               [](auto& g, auto l, const auto& x) {
                   return deepseek(g, l, x, 4, -std::numeric_limits<float>::infinity());
               },
               4},
        Router{"Glm4Moe", [](auto& g, auto l, const auto& x) { return deepseek(g, l, x, 1, 0); }}),
    [](const auto& of) { return of.param.name; });

}  // namespace
}  // namespace skald::compiler
