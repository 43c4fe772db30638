// SPDX-License-Identifier: MIT
// The graph's rules, the passes, and that a broken graph does not get through.
#include <gtest/gtest.h>

#include <algorithm>

#include "backend/layout.hpp"
#include "expect_error.hpp"
#include "ir/graph.hpp"
#include "passes/passes.hpp"

namespace skald::compiler {
namespace {

using namespace ir;
using test::expect_error;

ModelConfig tiny() {
    ModelConfig c;
    c.layers = 3;
    c.hidden = 32;
    c.ffn = 40;
    c.heads = 4;
    c.kv_heads = 2;
    c.head_dim = 8;
    c.vocabulary = 100;
    c.tied_embeddings = true;
    return c;
}

const PassOptions kOptions = [] {
    PassOptions options{16, 8, {}};
    LayerFormats all;
    all.fill(isa::WeightFormat::I8B32);
    options.formats.assign(3, all);
    return options;
}();

constexpr std::size_t kLayer = 1;  // the block of the first layers

const LayerRun kAllLayers{0, 3};

Graph build(const ModelConfig& config, std::uint32_t context) {
    return ir::build(config, context, {&kAllLayers, 1});
}

std::size_t count(const Graph& g, std::size_t block, Op op) {
    return static_cast<std::size_t>(std::count_if(g.blocks[block].nodes.begin(),
                                                  g.blocks[block].nodes.end(),
                                                  [&](const Node& n) { return n.op == op; }));
}

std::size_t index_of(const Graph& g, Op op) {
    const auto& nodes = g.blocks[kLayer].nodes;
    return static_cast<std::size_t>(
        std::find_if(nodes.begin(), nodes.end(), [&](const Node& n) { return n.op == op; }) -
        nodes.begin());
}

TEST(Graph, VerifiesAfterEveryPass) {
    for (const bool tied : {true, false})
        for (const bool bias : {true, false}) {
            ModelConfig c = tiny();
            c.tied_embeddings = tied;
            c.attention_bias = c.mlp_bias = bias;
            Graph g = build(c, 64);
            std::vector<std::string> seen;
            run_passes(g, kOptions, [&](std::string_view name, const Graph& after) {
                seen.emplace_back(name);
                EXPECT_NE(to_string(after).find("block layers 0..2 x 3"), std::string::npos);
            });
            EXPECT_EQ(seen, (std::vector<std::string>{"build", "fold", "quantise", "fuse",
                                                      "schedule", "plan_memory"}));
        }
}

TEST(Graph, RefusesWhatIsBroken) {
    const auto broken = [](auto change, std::initializer_list<const char*> words) {
        Graph g = build(tiny(), 64);
        change(g, g.blocks[kLayer].nodes);
        expect_error([&] { verify(g); }, words);
    };
    using Nodes = std::vector<Node>;
    broken([](Graph&, Nodes& n) { n[0].in[0] = 999; },
           {"block layers 0..2, node 0", "names value 999"});
    broken([](Graph&, Nodes& n) { n[0].weight = 999; }, {"names constant 999"});
    broken([](Graph&, Nodes& n) { n[0].in.clear(); }, {"rms_norm", "0 inputs"});
    broken([](Graph&, Nodes& n) { n[0].out = kNone; }, {"lacks an output"});
    broken([](Graph&, Nodes& n) { n[1].weight = kNone; }, {"matmul", "lacks a weight"});
    broken([](Graph&, Nodes& n) { std::swap(n[0], n[1]); }, {"node 0 (matmul)", "not there"});
    broken([](Graph&, Nodes& n) { n[2].out = n[1].out; }, {"matmul", "matrix"});
    broken([](Graph& g, Nodes& n) { g.constants[n[1].weight].n = 48; },
           {"needs a matrix [32,32]", "[48,32]"});
    broken([](Graph& g, Nodes& n) { g.constants[n[0].weight].k = 31; }, {"needs a vector [32]"});
    broken([](Graph& g, Nodes&) { g.values[0].width = 0; }, {"no columns"});
    broken([](Graph& g, Nodes&) { g.values[5].parent = 5; }, {"no root"});
    broken([](Graph& g, Nodes&) { g.values[5].column = 9; }, {"beyond the columns"});
    broken([](Graph& g, Nodes&) { g.values[5].rows = Rows::kSelected; }, {"other rows"});
    broken([](Graph& g, Nodes&) { g.constants[0].parts.clear(); }, {"no content"});
    broken([](Graph& g, Nodes&) { g.blocks[kLayer].carried_out = 1; }, {"leave its result"});
    broken([](Graph& g, Nodes&) { g.blocks[kLayer].carried_in = kNone; }, {"nothing is carried"});
    broken([](Graph& g, Nodes& n) { g.blocks.back().nodes[1].weight = n[0].weight; },
           {"constant of layers 0..2 outside"});
    broken([](Graph& g, Nodes& n) { g.constants[n[0].weight].layers = {0, 2}; },
           {"constant of layers 0..1 outside"});
    broken([](Graph& g, Nodes&) { g.blocks[kLayer].layers = {1, 2}; }, {"begin with layer 0"});
    broken([](Graph& g, Nodes&) { g.blocks[kLayer].layers.count = 0; }, {"begin with layer 0"});
    broken([](Graph& g, Nodes&) { g.layers = 4; }, {"3 layers of 4"});
    broken([](Graph& g, Nodes&) { g.blocks.pop_back(); }, {"no embedding, layers and head"});
}

TEST(Graph, RefusesToReadWhatHasBeenRotatedInPlace) {
    Graph g = build(tiny(), 64);
    auto& nodes = g.blocks[kLayer].nodes;
    const std::size_t rope = index_of(g, Op::kRope), attention = index_of(g, Op::kAttention);
    nodes[attention].in[0] = nodes[rope].in[0];  // q before the rotation
    expect_error([&] { verify(g); }, {"attention", "not there"});
}

TEST(Fold, StoresTiedEmbeddingsOnce) {
    Graph g = build(tiny(), 64);
    fold(g, kOptions);
    EXPECT_EQ(g.embedding().nodes[0].weight, g.head().nodes[2].weight);
    const std::uint64_t tied = lay_out(g).bytes;
    ModelConfig untied = tiny();
    untied.tied_embeddings = false;
    Graph other = build(untied, 64);
    fold(other, kOptions);
    EXPECT_EQ(lay_out(other).bytes - tied, isa::matrix_bytes(isa::WeightFormat::F32, 100, 32));
}

TEST(Fold, DropsWhatNothingUses) {
    Graph g = build(tiny(), 64);
    const ValueId dead = g.add_value({"dead", Rows::kBatch, 32});
    const ConstantId w =
        g.add_constant({"dead_gain", ConstantKind::kVector, {Slot::kFfnNorm}, kAllLayers, 1, 32});
    g.constants[w].parts = {Slot::kFfnNorm, Slot::kFfnNorm};
    g.blocks[kLayer].nodes.insert(g.blocks[kLayer].nodes.begin(), {Op::kRmsNorm, {0}, dead, w});
    verify(g);
    const std::size_t before = g.blocks[kLayer].nodes.size();
    fold(g, kOptions);
    EXPECT_EQ(g.blocks[kLayer].nodes.size(), before - 1);
    for (const Constant& c : g.constants)
        EXPECT_NE(c.name, "dead_gain");
}

TEST(Fuse, LeavesFourProductsOneRotationAndNoSums) {
    for (const bool bias : {false, true}) {
        ModelConfig c = tiny();
        c.attention_bias = bias;
        Graph g = build(c, 64);
        fuse(g, kOptions);
        verify(g);
        EXPECT_EQ(count(g, kLayer, Op::kMatMul), 4u);
        EXPECT_EQ(count(g, kLayer, Op::kRope), 1u);
        EXPECT_EQ(count(g, kLayer, Op::kAdd), 0u);
    }
}

TEST(Fuse, KeepsProductsApartThatReadDifferentFormats) {
    PassOptions options = kOptions;
    for (LayerFormats& formats : options.formats)
        formats[static_cast<std::size_t>(Slot::kV)] = isa::WeightFormat::I4B32A;
    Graph g = build(tiny(), 64);
    run_passes(g, options);
    EXPECT_EQ(count(g, kLayer, Op::kMatMul), 5u);  // q|k, v, o, gate|up, down
    EXPECT_EQ(count(g, kLayer, Op::kRope), 1u);
    std::vector<std::string> names;
    for (const Constant& c : g.constants)
        if (c.kind == ConstantKind::kMatrix && c.layers.count != 0)
            names.push_back(c.name + " " + std::string(isa::weight_info(c.format).name));
    std::sort(names.begin(), names.end());
    EXPECT_EQ(names, (std::vector<std::string>{"down i8b32", "gate|up i8b32", "o i8b32",
                                               "q|k i8b32", "v i4b32a"}));
}

TEST(Fuse, KeepsAResidualApartThatIsNotInPlace) {
    Graph g = build(tiny(), 64);
    auto& nodes = g.blocks[kLayer].nodes;
    const std::size_t add = index_of(g, Op::kAdd);
    std::swap(nodes[add].in[0],
              nodes[add].in[1]);  // y + x, on top of x: a form the card's ADD has, MATMUL has not
    fuse(g, kOptions);
    EXPECT_EQ(count(g, kLayer, Op::kAdd), 1u);
}

TEST(Schedule, KeepsEveryDependence) {
    Graph g = build(tiny(), 64);
    schedule(g, kOptions);
    verify(g);
    EXPECT_LT(index_of(g, Op::kKvAppend), index_of(g, Op::kAttention));
}

TEST(PlanMemory, NeverPutsLivingValuesOnTopOfEachOther) {
    Graph g = build(tiny(), 64);
    run_passes(g, kOptions);
    const auto bytes = [&](ValueId v) {
        return std::uint64_t{g.values[v].pitch} * 4 * (g.values[v].rows == Rows::kBatch ? 16 : 8);
    };
    const auto collide = [&](ValueId a, ValueId b) {
        a = g.root_of(a);
        b = g.root_of(b);
        return a != b && g.values[a].offset < g.values[b].offset + bytes(b) &&
               g.values[b].offset < g.values[a].offset + bytes(a);
    };
    const ValueId x = g.blocks[kLayer].carried_in;
    for (const Block& block : g.blocks)
        for (const Node& node : block.nodes)
            for (const ValueId in : node.in) {
                if (node.out != kNone) {
                    EXPECT_FALSE(collide(in, node.out)) << name_of(node.op);
                }
                if (&block == &g.blocks[kLayer]) {
                    EXPECT_FALSE(collide(in, x)) << name_of(node.op);
                }
            }
    for (const Value& v : g.values)
        if (v.parent == kNone && v.pitch != 0) {
            EXPECT_EQ(v.offset % 64, 0u);
            EXPECT_LE(v.offset + bytes(static_cast<ValueId>(&v - g.values.data())),
                      g.workspace_bytes);
        }
}

TEST(PlanMemory, HalvesTheRowsUntilTheWorkspaceFits) {
    Graph whole = build(tiny(), 64), bounded = build(tiny(), 64), least = build(tiny(), 64);
    PassOptions options = kOptions;
    options.max_rows = 512;
    run_passes(whole, options);
    EXPECT_EQ(whole.max_rows, 512u);
    options.max_workspace = whole.workspace_bytes - 1;
    run_passes(bounded, options);
    EXPECT_EQ(bounded.max_rows, 256u);
    EXPECT_LE(bounded.workspace_bytes, options.max_workspace);
    options.max_workspace = 1;
    run_passes(least, options);
    EXPECT_EQ(least.max_rows, 32u);
}

TEST(PlanMemory, LetsValuesShareStorage) {
    Graph g = build(tiny(), 64);
    run_passes(g, kOptions);
    std::uint64_t sum = 0;
    for (const Value& v : g.values)
        if (v.parent == kNone)
            sum += std::uint64_t{v.pitch} * 4 * (v.rows == Rows::kBatch ? 16 : 8);
    EXPECT_LT(g.workspace_bytes, sum * 2 / 3);
}

TEST(Layout, PutsLayersAtAConstantDistance) {
    Graph g = build(tiny(), 64);
    run_passes(g, kOptions);
    const WeightLayout layout = lay_out(g);
    std::uint64_t end = 0;
    for (const auto& item : layout.items) {
        EXPECT_EQ(item.offset % 64, 0u);
        EXPECT_GE(item.offset, end);
        end = item.offset + item.bytes;
        const LayerRun layers = g.constants[item.constant].layers;
        const auto& place = layout.places[item.constant];
        EXPECT_EQ(item.offset,
                  place.offset + std::uint64_t{item.layer - layers.first} * place.stride);
        EXPECT_EQ(place.stride != 0, layers.count != 0);
    }
    EXPECT_LE(end, layout.bytes);
}

TEST(Runs, AreNeighboursWhoseFormatsAgree) {
    WeightFormats formats(6, kOptions.formats[0]);
    EXPECT_EQ(runs_of(formats), (std::vector<LayerRun>{{0, 6}}));
    formats[0][static_cast<std::size_t>(Slot::kDown)] = isa::WeightFormat::I4B32;
    formats[3] = formats[4] = formats[0];
    EXPECT_EQ(runs_of(formats), (std::vector<LayerRun>{{0, 1}, {1, 2}, {3, 2}, {5, 1}}));
}

// Layers of their own formats, in a graph that keeps all the rules after every pass.
class MixedRuns : public ::testing::Test {
  protected:
    void SetUp() override {
        config.layers = 5;
        options.formats.assign(5, kOptions.formats[0]);
        for (const std::size_t layer : {0u, 1u, 4u})
            options.formats[layer][static_cast<std::size_t>(Slot::kV)] = isa::WeightFormat::I4B32;
        runs = runs_of(options.formats);
        g = ir::build(config, 64, runs);
        run_passes(g, options);
    }
    ModelConfig config = tiny();
    PassOptions options = kOptions;
    std::vector<LayerRun> runs;
    Graph g;
};

TEST_F(MixedRuns, FuseWhatTheirFormatsAllow) {
    ASSERT_EQ(g.runs().size(), 3u);
    EXPECT_EQ(count(g, 1, Op::kMatMul), 5u);  // q|k, v, o, gate|up, down
    EXPECT_EQ(count(g, 2, Op::kMatMul), 4u);
    EXPECT_EQ(count(g, 3, Op::kMatMul), 5u);
}

TEST_F(MixedRuns, NeedNoMoreWorkspaceThanTheWidestOfThem) {
    std::uint64_t most = 0;
    for (const LayerFormats& formats : options.formats) {
        PassOptions alike = options;
        alike.formats.assign(5, formats);
        Graph other = ir::build(config, 64, runs_of(alike.formats));
        run_passes(other, alike);
        most = std::max(most, other.workspace_bytes);
    }
    EXPECT_EQ(g.workspace_bytes, most);
}

TEST_F(MixedRuns, LieOneBehindTheOther) {
    const WeightLayout layout = lay_out(g);
    std::uint64_t end = 0, matrices = 0;
    std::uint32_t layer = 0;
    for (const auto& item : layout.items) {
        const Constant& c = g.constants[item.constant];
        EXPECT_GE(item.offset, end);
        end = item.offset + item.bytes;
        if (c.layers.count == 0)
            continue;
        EXPECT_GE(item.layer, layer);
        layer = item.layer;
        EXPECT_GE(item.layer, c.layers.first);
        EXPECT_LT(item.layer, c.layers.first + c.layers.count);
        for (const Slot slot : c.parts)
            if (c.kind == ConstantKind::kMatrix) {
                EXPECT_EQ(c.format, options.formats[layer][static_cast<std::size_t>(slot)]);
                ++matrices;
            }
    }
    EXPECT_EQ(matrices, 5u * 7);
}

}  // namespace
}  // namespace skald::compiler
