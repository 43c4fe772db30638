// SPDX-License-Identifier: MIT
// The compiler's intermediate representation: the arithmetic of one step of a decoder, in blocks:
// embedding, one for each run of layers that differ only in where their weights lie, head. Control
// flow - steps, modes, sampling, jobs - is the same for every model and lives in the back end.
//
// Values are f32 matrices (indices of experts and rows are u32 in their place). A value is either a
// root with storage of its own, or a view of some columns of another; a node whose output is a view
// of one of its inputs works in place.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "model/spec.hpp"
#include "skald/isa.hpp"

namespace skald::compiler::ir {

using ValueId = std::uint32_t;
using ConstantId = std::uint32_t;
using ParameterId = std::uint32_t;
inline constexpr std::uint32_t kNone = 0xffffffff;

enum class Rows : std::uint8_t {
    kBatch,     // T: rows of a step
    kSelected,  // S: those that go through the head
    kRouted,    // one for each row of a step and expert that it chose
    kOne,       // a single row
};

struct Value {
    std::string name;
    Rows rows = Rows::kBatch;
    std::uint32_t width = 0;  // f32 elements per row
    ValueId parent = kNone;   // view of columns [column, column + width) of the parent
    std::uint32_t column = 0;

    // Set by plan_memory, for roots only.
    std::uint32_t pitch = 0;   // f32 elements from row to row
    std::uint64_t offset = 0;  // in the workspace

    bool operator==(const Value&) const = default;
};

// Layers first, first + step, ...: `count` of them. Of none: outside of the layers.
struct LayerRun {
    std::uint32_t first = 0, count = 0, step = 1;

    std::uint32_t at(std::uint32_t round) const { return first + round * step; }
    bool operator==(const LayerRun&) const = default;
};
std::string name_of(LayerRun run);  // "layers 2..5", "layer 7", "layers 0, 6 .. 30"

enum class ConstantKind : std::uint8_t {
    kMatrix,       // [n,k], tiled, in `format`; of each expert one
    kVector,       // f32 [k]; of each expert one
    kRotaryTable,  // f32 [n,k]: n positions, k = rotary dimensions; twice that with two tables
};

// Numbers of the model that stand together: for each round of a loop, for each expert.
struct Parameter {
    std::string role;
    std::vector<std::vector<Expr>> of;  // [round][expert]; one expert where there are none
    isa::WeightFormat format = isa::WeightFormat::F32;  // wanted, of matrices
};

struct Constant {
    std::string name;
    ConstantKind kind = ConstantKind::kMatrix;
    std::vector<ParameterId> parts;  // stacked along n (matrix) or joined (vector); of no table
    LayerRun layers;                 // one for each of these layers, or just one
    std::uint32_t n = 1, k = 0;
    std::uint32_t experts = 0;                          // 0: none
    std::uint32_t table = 0;                            // which rotary table
    isa::WeightFormat format = isa::WeightFormat::F32;  // set by quantise
    bool quantised = false;                             // whether it was

    std::uint32_t copies() const { return experts == 0 ? 1 : experts; }
};

enum class Op : std::uint8_t {
    kGather,      // () -> x [T,D]: rows of the weight matrix that token ids or positions name
    kNorm,        // x -> y
    kMatMul,      // x (, residual) -> y [rows,n]; bias; with a residual, y is it in place
    kRope,        // x -> x in place; weight = table
    kKvAppend,    // k, v ->
    kAttention,   // q -> y; weight = where scores are capped, and sinks, if any
    kGlu,         // gate, up -> y
    kActivation,  // x -> y
    kAdd,         // a, b -> y = a + scale b
    kMul,         // a, b -> y = a b scale; b of one column is a factor of each row
    kRepeat,      // x, y -> y in place: x copied into columns of y, several times
    kRoute,       // logits [T,E] -> slots [T,k]; and offsets [1,E+1], list and weights [routed,1]
    kGroupedMatMul,  // x, offsets (, list) -> y [routed,n]: each row by its expert
    kCombine,        // x [routed,n], weights, slots (, residual) -> y [T,n]
    kConv,           // x -> y; weight = taps
    kSelectRows,     // x [T,D] -> y [S,D]
    kLogits,         // logits [S,V] -> : what the control flow takes up
    kQuant,          // x -> q (four to a column); and a scale and a sum for each 32 of x
    kMatMulQ8,       // q, its scales (, residual) -> y, as kMatMul of what they were made of
    kAllGather,      // a card's own columns of y -> y, in place; and of a second value, likewise
    kAllReduce,      // x -> x in place, added up over all cards: for times alone
    kSend,           // x ->
    kRecv,           // -> x
};
const char* name_of(Op op);

// Where keys and values of the first layer of a loop lie in a block, and how far the next ones.
struct CachePlace {
    std::uint64_t offset = 0, stride = 0;

    bool operator==(const CachePlace&) const = default;
};

struct GatherAttributes {
    float scale = 1;
    bool by_position = false;
    bool operator==(const GatherAttributes&) const = default;
};
struct NormAttributes {
    Norm::Kind kind = Norm::Kind::kRms;
    float eps = 0;
    std::uint32_t group = 0;
    bool operator==(const NormAttributes&) const = default;
};
struct RopeAttributes {
    std::uint32_t head_dim = 0, dims = 0;
    bool operator==(const RopeAttributes&) const = default;
};
struct KvAttributes {
    std::uint32_t kv_heads = 0, k_dim = 0, v_dim = 0;
    CachePlace cache;
    bool operator==(const KvAttributes&) const = default;
};
struct AttentionAttributes {
    std::uint32_t heads = 0, kv_heads = 0, k_dim = 0, v_dim = 0;
    float scale = 0;
    std::uint32_t window = 0;
    bool soft_cap = false, sinks = false;
    CachePlace cache;
    bool operator==(const AttentionAttributes&) const = default;
};
struct FunctionAttributes {
    isa::Activation activation = isa::Activation::Silu;
    float first = 0, second = 0;
    bool operator==(const FunctionAttributes&) const = default;
};
struct ScaleAttributes {
    float scale = 1;
    bool operator==(const ScaleAttributes&) const = default;
};
struct RepeatAttributes {
    std::uint32_t copies = 1, step = 0;  // columns from one to the next
    bool operator==(const RepeatAttributes&) const = default;
};
struct RouteAttributes {
    std::uint32_t experts = 0, chosen = 0, groups = 0, groups_kept = 0;
    isa::Score score = isa::Score::Softmax;
    bool renormalise = false, group_sum2 = false, mask_out = false;
    float scale = 1, eps = 0;
    bool operator==(const RouteAttributes&) const = default;
};
struct ConvAttributes {
    std::uint32_t taps = 0;
    CachePlace cache;
    bool operator==(const ConvAttributes&) const = default;
};
// Own columns are number `part` of `parts`; `first` is the rank of the card that has number 0.
struct ExchangeAttributes {
    std::uint32_t parts = 1, part = 0, first = 0;
    bool operator==(const ExchangeAttributes&) const = default;
};
struct PeerAttributes {
    std::uint32_t rank = 0;
    bool operator==(const PeerAttributes&) const = default;
};
using Attributes =
    std::variant<std::monostate, GatherAttributes, NormAttributes, RopeAttributes, KvAttributes,
                 AttentionAttributes, FunctionAttributes, ScaleAttributes, RepeatAttributes,
                 RouteAttributes, ConvAttributes, ExchangeAttributes, PeerAttributes>;

struct Node {
    Op op;
    std::vector<ValueId> in;
    ValueId out = kNone;
    ConstantId weight = kNone;
    ConstantId bias = kNone;
    Attributes attributes;
    std::vector<ValueId> more;  // further outputs

    template <typename T>
    const T& as() const {
        return std::get<T>(attributes);
    }
    template <typename F>
    void each_out(F f) const {
        if (out != kNone)
            f(out);
        for (const ValueId value : more)
            f(value);
    }
    bool operator==(const Node&) const = default;
};

struct Block {
    std::string name;
    LayerRun layers;  // all that it is for
    std::vector<Node> nodes;
    ValueId carried_in = kNone,
            carried_out = kNone;  // of layers: one's result is the next one's input
    std::uint32_t period = 1;     // layers that the nodes are; the loop goes round layers / period

    std::uint32_t rounds() const { return layers.count / period; }
    // Whether a constant of these layers is one of this block's.
    bool owns(LayerRun run) const {
        return run.first >= layers.first && run.first < layers.first + period &&
               run.count == rounds() && (run.count == 1 || run.step == period);
    }
};

struct Graph {
    Share share;  // of the model, which others have the rest of
    std::uint32_t layers = 0, vocabulary = 0, hidden = 0;
    std::uint32_t context = 0;      // positions
    std::uint32_t chosen = 0;       // experts of a row, the most of any layer; 0: there are none
    std::uint64_t block_bytes = 0;  // of the cache: 64 positions of a sequence, all layers
    isa::KvFormat kv_format = isa::KvFormat::F16;
    std::vector<RotaryTable> tables;
    std::vector<Parameter> parameters;
    std::vector<Value> values;
    std::vector<Constant> constants;
    std::vector<Block> blocks;  // embedding, runs of layers in order, head

    // Set by plan_memory.
    std::uint32_t max_rows = 0, max_selected = 0;
    std::uint64_t workspace_bytes = 0;

    ValueId add_value(Value value);
    ConstantId add_constant(Constant constant);

    const Block& embedding() const { return blocks.front(); }
    std::span<const Block> runs() const { return std::span(blocks).subspan(1, blocks.size() - 2); }
    const Block& head() const { return blocks.back(); }

    ValueId root_of(ValueId id) const;
    std::uint32_t column_of(ValueId id) const;  // within the root
    // Whether two values share storage.
    bool overlap(ValueId a, ValueId b) const;
    // Whether they are the same columns of the same storage.
    bool same_place(ValueId a, ValueId b) const;

    // The most rows a value may have.
    std::uint64_t most_rows(Rows rows) const;

    // What a constant is made of, in order: of round `round`, expert `expert`.
    std::vector<Expr> expressions(const Constant& c, std::uint32_t round,
                                  std::uint32_t expert) const;
};

struct BuildOptions {
    std::uint32_t context = 0;  // positions
    isa::KvFormat kv_format = isa::KvFormat::F16;
};

// The plain graph of a model, nothing fused. Layers that are alike but for their numbers become
// loops, and so do patterns of layers that repeat.
Graph build(const DecoderSpec& spec, const BuildOptions& options);

// Throws CompileError saying which rule is broken where. Every pass leaves a graph that passes.
void verify(const Graph& graph);

// For people: --dump.
std::string to_string(const Graph& graph);

}  // namespace skald::compiler::ir
