// SPDX-License-Identifier: MIT
// ONNX graphs: the file. What is accepted is compiled, and the result read.
#include "fixture.hpp"
#include "graphs/onnx_llama.hpp"
#include "raise/graph_model.hpp"
#include "support/files.hpp"
#include "support/readers.hpp"
#include "support/small_model.hpp"
#include "support/source.hpp"

namespace skald::fuzz {

namespace {

using Int = std::int64_t;
using Ints = std::vector<std::int64_t>;

constexpr Int kWidth = 32;
constexpr test::TinyShape kWide{.layers = 1,
                                .hidden = kWidth,
                                .ffn = kWidth,
                                .heads = 2,
                                .kv_heads = 1,
                                .head_dim = 16,
                                .vocabulary = 262,
                                .context = 8};

std::vector<std::uint8_t> some_bytes(Int n) {
    std::vector<std::uint8_t> all;
    for (Int i = 0; i < n; ++i)
        all.push_back(static_cast<std::uint8_t>(17 * i + i * i / 5));
    return all;
}

std::vector<float> halves(Int n) {
    return std::vector<float>(static_cast<std::size_t>(n), 0x1p-7f);
}

// Two experts of 4 bits, of which each token has one.
std::string experts(test::GraphWriter& g, const std::string& x) {
    const std::string scores = g.node("MatMul", {x, g.floats({kWidth, 2}, halves(2 * kWidth))});
    const auto weights = [&](Int n) { return g.bytes({2, n, kWidth / 2}, some_bytes(n * kWidth)); };
    const auto scales = [&](Int n) { return g.floats({2, n, 1}, halves(2 * n)); };
    return g.node(
        "com.microsoft.QMoE",
        {x, g.node("Reshape", {scores, g.ints({-1, 2})}), weights(2 * kWidth), scales(2 * kWidth),
         g.floats({2, 2 * kWidth}, halves(4 * kWidth)), weights(kWidth), scales(kWidth)},
        {{"k", Int{1}},
         {"activation_type", std::string("swiglu")},
         {"swiglu_fusion", Int{1}},
         {"activation_alpha", 1.702f},
         {"activation_beta", 1.0f},
         {"swiglu_limit", 7.0f},
         {"normalize_routing_weights", Int{1}},
         {"block_size", kWidth}});
}

std::string product(test::GraphWriter& g, const std::string& x,
                    const test::TinyWeights::Tensor& w) {
    const auto n = static_cast<Int>(w.shape[0]), k = static_cast<Int>(w.shape[1]);
    const std::string m = g.node("DequantizeLinear",
                                 {g.bytes({k, n}, some_bytes(n * k), 3), g.floats({n}, halves(n))},
                                 {{"axis", Int{1}}});
    return g.node("MatMul", {x, m});
}

std::string embedding(test::GraphWriter& g, const std::string& ids,
                      const test::TinyWeights::Tensor& w) {
    const auto n = static_cast<Int>(w.shape[0]);
    return g.node(
        "com.microsoft.GatherBlockQuantized",
        {g.bytes({n, kWidth / 2}, some_bytes(n * kWidth / 2)), ids, g.floats({n, 1}, halves(n))},
        {{"block_size", kWidth}, {"quantize_axis", Int{1}}});
}

Bytes seed(const test::TinyShape& shape, const test::OnnxOptions& how) {
    const std::string file = test::onnx_llama(shape, test::random_weights(shape), how).bytes();
    const auto bytes = bytes_of(file);
    return {bytes.begin(), bytes.end()};
}

}  // namespace

void run(std::span<const std::byte> input) {
    write_file(small_model() / "model.onnx", input);
    may_refuse([&] { compile_and_read(compiler::load_graph(small_model() / "model.onnx")); });
}

std::vector<Bytes> seeds() {
    using Operators = test::OnnxOptions::Operators;
    std::vector<Bytes> all;
    for (const test::OnnxOptions& how :
         {test::OnnxOptions{}, test::OnnxOptions{.opset = 21, .cache = true},
          test::OnnxOptions{.operators = Operators::kGroupQuery, .cache = true},
          test::OnnxOptions{.opset = 23, .operators = Operators::kOnnx23}}) {
        all.push_back(seed(kSmall, how));
    }
    // Experts and integers need rows of 32.
    test::OnnxOptions integers{.opset = 21, .operators = Operators::kGroupQuery, .sinks = true};
    integers.embedding = embedding;
    integers.product = product;
    test::OnnxOptions with_experts{.operators = Operators::kGroupQuery};
    with_experts.feed_forward = [](test::GraphWriter& g, std::uint32_t, const std::string& x) {
        return experts(g, x);
    };
    for (const test::OnnxOptions& how : {integers, with_experts}) {
        all.push_back(seed(kWide, how));
    }
    return all;
}

}  // namespace skald::fuzz
