// SPDX-License-Identifier: MIT
// Weights that graphs keep as integers with scales: the same numbers, and integers on the card
// where its formats hold them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "expect_error.hpp"
#include "import/blocks.hpp"
#include "judged_graph.hpp"
#include "onnx_llama.hpp"
#include "temporary_folder.hpp"

namespace skald::compiler {
namespace {

using Ints = std::vector<std::int64_t>;
using Int = std::int64_t;

constexpr test::TinyShape kShape{.layers = 2,
                                 .hidden = 64,
                                 .ffn = 96,
                                 .heads = 4,
                                 .kv_heads = 2,
                                 .head_dim = 16,
                                 .vocabulary = 288,
                                 .context = 64,
                                 .tied = false};

struct Form {
    std::string name;
    int type = 3;           // 2, 3: of 8 bits without and with sign; 21, 22: of 4
    Int block = 0;          // along what is multiplied; 0: a scale for each output, or one
    bool one = false;       // one scale for all
    bool turned = false;    // stored [outputs, inputs], behind a Transpose
    bool zeros = false;     // other than none
    float scale = 0x1p-7f;  // of a number that f16 holds, or does not
    const char* kept = "";  // the format that holds it
    int opset = 21;
    bool made = false;  // by QuantizeLinear, of floats
};

std::string product(test::GraphWriter& g, const Form& f, const std::string& x,
                    const test::TinyWeights::Tensor& w) {
    const auto n = static_cast<Int>(w.shape[0]), k = static_cast<Int>(w.shape[1]);
    const bool four = f.type >= 21, sign = f.type == 3 || f.type == 22;
    const int most = four ? (sign ? 7 : 15) : (sign ? 127 : 255), least = sign ? -most - 1 : 0;
    const Int block = f.block == 0 ? k : f.block, blocks = f.one ? 1 : k / block;
    const int zero = f.zeros ? (sign ? 1 : 3) : sign ? 0 : four ? 8 : 128;
    std::vector<int> q(static_cast<std::size_t>(n * k));
    std::vector<float> scales;
    std::vector<int> all_zeros;
    for (Int r = 0; r < n; ++r)
        for (Int b = 0; b < blocks; ++b) {
            scales.push_back(f.scale * static_cast<float>(1 + (r + b) % 3));
            all_zeros.push_back(zero);
            if (f.one && r > 0) {
                scales.pop_back();
                all_zeros.pop_back();
            }
        }
    for (Int r = 0; r < n; ++r)
        for (Int c = 0; c < k; ++c) {
            const float s =
                f.one ? scales[0] : scales[static_cast<std::size_t>(r * blocks + c / block)];
            const float number = w.data[static_cast<std::size_t>(r * k + c)];
            const auto at = static_cast<std::size_t>(f.turned ? r * k + c : c * n + r);
            q[at] = std::clamp(static_cast<int>(std::lround(number / s)) + zero, least, most);
        }
    // Scales lie as the matrix does.
    Ints shape{n}, of{n, k};
    if (!f.turned)
        of = {k, n};
    if (f.one)
        shape = {};
    else if (f.block != 0)
        shape = f.turned ? Ints{n, blocks} : Ints{blocks, n};
    if (f.block != 0 && !f.turned) {
        const std::vector<float> rows = scales;
        for (Int r = 0; r < n; ++r)
            for (Int b = 0; b < blocks; ++b)
                scales[static_cast<std::size_t>(b * n + r)] =
                    rows[static_cast<std::size_t>(r * blocks + b)];
    }
    const auto integers = [&](const Ints& dims, const std::vector<int>& all) {
        if (four)
            return g.nibbles(dims, all, f.type);
        std::vector<std::uint8_t> bytes;
        for (const int i : all)
            bytes.push_back(static_cast<std::uint8_t>(i));
        return g.bytes(dims, bytes, f.type);
    };
    test::GraphWriter::Attributes a;
    if (!f.one)
        a.emplace_back("axis", Int{f.block != 0 ? f.turned : !f.turned});
    if (f.block != 0)
        a.emplace_back("block_size", f.block);
    const std::string by = g.floats(shape, scales), zeros = integers(shape, all_zeros);
    std::string m;
    if (f.made) {
        std::vector<float> numbers(q.size());
        for (Int r = 0; r < n; ++r)
            for (Int c = 0; c < k; ++c)
                numbers[static_cast<std::size_t>(f.turned ? r * k + c : c * n + r)] =
                    w.data[static_cast<std::size_t>(r * k + c)];
        m = g.node("QuantizeLinear", {g.floats(of, numbers), by, zeros}, a);
    } else {
        m = integers(of, q);
    }
    m = g.node("DequantizeLinear", {m, by, zeros}, a);
    if (f.turned)
        m = g.node("Transpose", {m}, {{"perm", Ints{1, 0}}});
    return g.node("MatMul", {x, m});
}

const std::vector<Form> kForms{
    {.name = "Int8ByOutput", .kept = "q8_0", .opset = 13},
    {.name = "Int8ByOutputTurned", .turned = true, .kept = "q8_0", .opset = 13},
    {.name = "Int8ByTensor", .one = true, .opset = 13},
    {.name = "Uint8ByOutput", .type = 2, .kept = "q8_0", .opset = 13},
    {.name = "Uint8WithZeros", .type = 2, .zeros = true, .opset = 13},
    {.name = "Int8InBlocks", .block = 32, .kept = "q8_0"},
    {.name = "Int4InBlocks", .type = 22, .block = 32, .scale = 0x1p-4f, .kept = "q4_0"},
    {.name = "Int4InBlocksTurned",
     .type = 22,
     .block = 32,
     .turned = true,
     .scale = 0x1p-4f,
     .kept = "q4_0"},
    {.name = "Uint4InBlocks", .type = 21, .block = 32, .scale = 0x1p-4f, .kept = "q4_0"},
    {.name = "Uint4WithZeros",
     .type = 21,
     .block = 32,
     .zeros = true,
     .scale = 0x1p-5f,
     .kept = "q4_1"},
    {.name = "Int4ByOutput", .type = 22, .scale = 0x1p-4f, .kept = "q4_0"},
    {.name = "Int8MadeOfFloats", .kept = "q8_0", .opset = 13, .made = true},
    {.name = "Uint8MadeOfFloats", .type = 2, .zeros = true, .opset = 13, .made = true},
    {.name = "Int4MadeOfFloatsInBlocks",
     .type = 22,
     .block = 32,
     .scale = 0x1p-6f,  // so that many are beyond what four bits hold
     .kept = "q4_0",
     .made = true},
    {.name = "Int4WithOtherScales", .type = 22, .block = 32, .scale = 0.0371f},
    {.name = "Int4InBlocksOf16", .type = 22, .block = 16, .scale = 0x1p-4f},
};

struct Graph {
    test::TemporaryFolder folder;
    std::filesystem::path path = folder / "model.onnx";

    explicit Graph(const test::OnnxOptions& options) {
        test::onnx_llama(kShape, test::random_weights(kShape), options).write(path);
    }
    explicit Graph(const Form& f)
        : Graph(test::OnnxOptions{.opset = f.opset,
                                  .product = [&](auto& g, const auto& x, const auto& w) {
                                      return product(g, f, x, w);
                                  }}) {}
};

void PrintTo(const Form& f, std::ostream* out) {
    *out << f.name;
}

class Integers : public testing::TestWithParam<Form> {};

TEST_P(Integers, AreTheNumbersThatTheGraphMeans) {
    const Graph file(GetParam());
    const graphs::TensorGraph g = graphs::import_graph(file.path);
    const DecoderSpec spec = raising::raise(g).spec;
    const auto ids = test::some_ids(kShape.vocabulary);
    test::expect_near(test::raised_logits(spec, ids), test::evaluated_logits(g, ids));
}

TEST_P(Integers, AreKeptWhereTheCardHasThem) {
    const Graph file(GetParam());
    const graphs::TensorGraph g = graphs::import_graph(file.path);
    const DecoderSpec spec = raising::raise(g).spec;
    for (const Layer& l : spec.layers) {
        const Expr& up = std::get<FeedForward>(l.ffn).up.weight.of.front();
        if (*GetParam().kept != '\0') {
            EXPECT_EQ(up->types(), GetParam().kept);
        }
    }
}

TEST_P(Integers, AreTheSameInOnnxRuntime) {
    SKALD_NEED_ONNX_RUNTIME();
    const Graph file(GetParam());
    const auto ids = test::some_ids(kShape.vocabulary);
    const graphs::TensorGraph g = graphs::import_graph(file.path);
    const DecoderSpec spec = raising::raise(g).spec;
    test::expect_near(test::raised_logits(spec, ids), test::judged(file.path, ids), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Onnx, Integers, testing::ValuesIn(kForms),
                         [](const auto& of) { return of.param.name; });

// ---- embeddings ----

struct Table {
    std::string name;
    int type = 2;  // 2: two in a byte; 21, 22: of 4 bits
    int bits = 4;
    bool zeros = false;
};

std::string embedding(test::GraphWriter& g, const Table& t, const std::string& ids,
                      const test::TinyWeights::Tensor& w) {
    constexpr Int kBlock = 32;
    const auto n = static_cast<Int>(w.shape[0]), k = static_cast<Int>(w.shape[1]);
    const Int blocks = k / kBlock;
    const int middle = t.type == 22 ? 0 : 1 << (t.bits - 1);
    const float scale = t.bits == 4 ? 0x1p-4f : 0x1p-7f;
    const std::vector<float> scales(static_cast<std::size_t>(n * blocks), scale);
    std::vector<int> q;
    for (const float x : w.data) {
        const int most = (1 << (t.bits - 1)) - 1;
        q.push_back(std::clamp(static_cast<int>(std::lround(x / scale)), -most - 1, most) + middle);
    }
    std::vector<std::string> in;
    if (t.bits == 8) {
        in = {g.bytes({n, k}, {q.begin(), q.end()})};
    } else if (t.type == 2) {
        in = {g.nibbles({n, k / 2}, q, 2)};
    } else {
        in = {g.nibbles({n, k}, q, t.type)};
    }
    in.push_back(ids);
    in.push_back(g.floats({n, blocks}, scales));
    if (t.zeros) {
        const std::vector<int> all(static_cast<std::size_t>(n * blocks), middle);
        in.push_back(t.type == 2 ? g.nibbles({n, blocks / 2}, all, 2)
                                 : g.nibbles({n, blocks}, all, t.type));
    }
    test::GraphWriter::Attributes a{
        {"block_size", kBlock}, {"gather_axis", Int{0}}, {"quantize_axis", Int{1}}};
    if (t.bits != 4)
        a.emplace_back("bits", Int{t.bits});
    return g.node("com.microsoft.GatherBlockQuantized", in, a);
}

const std::vector<Table> kTables{{.name = "TwoInAByte"},
                                 {.name = "TwoInAByteWithZeros", .zeros = true},
                                 {.name = "Uint4WithZeros", .type = 21, .zeros = true},
                                 {.name = "Int4", .type = 22},
                                 {.name = "EightBits", .bits = 8}};

void PrintTo(const Table& t, std::ostream* out) {
    *out << t.name;
}

class Tables : public testing::TestWithParam<Table> {};

TEST_P(Tables, AreEmbeddingsOfTheCard) {
    const Graph file({.embedding = [](auto& g, const auto& ids, const auto& w) {
        return embedding(g, GetParam(), ids, w);
    }});
    const graphs::TensorGraph g = graphs::import_graph(file.path);
    const DecoderSpec spec = raising::raise(g).spec;
    EXPECT_EQ(spec.embedding.of.front()->types(), GetParam().bits == 4 ? "q4_0" : "q8_0");
    const auto ids = test::some_ids(kShape.vocabulary);
    test::expect_near(test::raised_logits(spec, ids), test::evaluated_logits(g, ids));
    // Of bytes it takes them since 1.23.
    const bool bytes = GetParam().type == 2;
    if (!test::onnx_runtime() || (bytes && !test::onnx_runtime_is_at_least(1, 23)))
        return;
    test::expect_near(test::raised_logits(spec, ids), test::judged(file.path, ids), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Onnx, Tables, testing::ValuesIn(kTables),
                         [](const auto& of) { return of.param.name; });

TEST(OnnxIntegers, ScalesThatDoNotFitAreNamed) {
    const test::TemporaryFolder folder;
    test::GraphWriter g =
        test::onnx_llama(kShape, test::random_weights(kShape),
                         {.opset = 21, .product = [](auto& w, const auto& x, const auto& t) {
                              return product(w, kForms[6], x, t);
                          }});
    for (auto& n : *g.graph().mutable_node())
        if (n.op_type() == "DequantizeLinear")
            for (auto& a : *n.mutable_attribute())
                if (a.name() == "block_size")
                    a.set_i(64);
    g.write(folder / "model.onnx");
    test::expect_error([&] { raising::raise(graphs::import_graph(folder / "model.onnx")); },
                       {"/DequantizeLinear_", "blocks of 64"});
}

TEST(OnnxIntegers, WeightsAreTheSameIfAllTheirNumbersAre) {
    const auto key = [](std::int64_t first, double scale, double zero) {
        graphs::Blocks b;
        b.rows = 2;
        b.columns = b.block = 32;
        b.bits = 8;
        b.packed = false;
        b.in_order();
        // Memory of their own each time, and perhaps that of the last ones.
        b.integers = graphs::Value::ints({2, 32}, std::vector<std::int64_t>(64, first));
        b.scales = graphs::Value::floats({2, 1}, {scale, scale});
        b.zeros = graphs::Value::floats({2, 1}, {zero, zero});
        return graphs::weights_of(b)->key();
    };
    EXPECT_EQ(key(5, 0.5, 128), key(5, 0.5, 128));
    EXPECT_NE(key(5, 0.5, 128), key(6, 0.5, 128));
    EXPECT_NE(key(5, 0.5, 128), key(5, 0.25, 128));
    EXPECT_NE(key(5, 0.5, 128), key(5, 0.5, 127));
}

TEST(OnnxIntegers, ActivationsThatAreQuantisedAreNamed) {
    const Graph file({.product = [](auto& g, const auto& x, const auto& w) {
        const std::string scale = g.floats({}, std::vector<float>{0.5f}),
                          zero = g.bytes({}, {0}, 3);
        const std::string q = g.node("QuantizeLinear", {x, scale, zero});
        return product(g, kForms[0], g.node("DequantizeLinear", {q, scale, zero}), w);
    }});
    test::expect_error([&] { raising::raise(graphs::import_graph(file.path)); },
                       {"/QuantizeLinear_", "only weights are integers in a graph"});
}

}  // namespace
}  // namespace skald::compiler
