// SPDX-License-Identifier: MIT
// The compiler's intermediate representation: the arithmetic of one step of a decoder, in blocks:
// embedding, one for each run of layers that differ only in where their weights lie, head. Control
// flow - steps, modes, sampling, jobs - is the same for every model and lives in the back end.
//
// Values are f32 matrices of T or S rows. A value is either a root with storage of its own, or a
// view of some columns of another; a node whose output is a view of one of its inputs works in
// place.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/config.hpp"
#include "model/weights.hpp"
#include "skald/isa.hpp"

namespace skald::compiler::ir {

using ValueId = std::uint32_t;
using ConstantId = std::uint32_t;
inline constexpr std::uint32_t kNone = 0xffffffff;

enum class Rows : std::uint8_t { kBatch, kSelected };  // T, S

struct Value {
    std::string name;
    Rows rows = Rows::kBatch;
    std::uint32_t width = 0;  // f32 elements per row
    ValueId parent = kNone;   // view of columns [column, column + width) of the parent
    std::uint32_t column = 0;

    // Set by plan_memory, for roots only.
    std::uint32_t pitch = 0;   // f32 elements from row to row
    std::uint64_t offset = 0;  // in the workspace
};

// Neighbouring layers that one block serves, as a loop. Of none: outside of the layers.
struct LayerRun {
    std::uint32_t first = 0, count = 0;

    bool operator==(const LayerRun&) const = default;
};
std::string name_of(LayerRun run);  // "layers 2..5", "layer 7"

enum class ConstantKind : std::uint8_t {
    kMatrix,       // [n,k], tiled, in `format`
    kVector,       // f32 [k]
    kRotaryTable,  // f32 [n,k]: n positions, k = rotary dimensions
};

struct Constant {
    std::string name;
    ConstantKind kind = ConstantKind::kMatrix;
    std::vector<Slot> parts;  // stacked along n (matrix) or joined (vector); empty for the table
    LayerRun layers;          // one for each of these layers, or just one
    std::uint32_t n = 1, k = 0;
    isa::WeightFormat format = isa::WeightFormat::F32;  // set by quantise
    bool quantised = false;                             // whether it was
};

enum class Op : std::uint8_t {
    kGather,      // () -> x [T,D]: rows of the weight matrix that the token ids name
    kRmsNorm,     // x -> y
    kMatMul,      // x (, residual) -> y [rows,n]; bias; with a residual, y is the residual in place
    kRope,        // x -> x in place; weight = table
    kKvAppend,    // k, v ->
    kAttention,   // q -> y
    kGlu,         // gate, up -> y
    kAdd,         // a, b -> y
    kSelectRows,  // x [T,D] -> y [S,D]
    kLogits,      // logits [S,V] -> : what the control flow takes up
};
const char* name_of(Op op);

struct Node {
    Op op;
    std::vector<ValueId> in;
    ValueId out = kNone;
    ConstantId weight = kNone;
    ConstantId bias = kNone;
};

struct Block {
    std::string name;
    LayerRun layers;
    std::vector<Node> nodes;
    ValueId carried_in = kNone,
            carried_out = kNone;  // of layers: one's result is the next one's input
};

struct Graph {
    std::uint32_t heads = 0, kv_heads = 0, head_dim = 0, layers = 0, vocabulary = 0, hidden = 0,
                  ffn = 0;
    std::uint32_t context = 0;  // positions
    std::uint32_t window = 0;   // positions a row attends to; 0: all up to its own
    isa::KvFormat kv_format = isa::KvFormat::F16;
    float norm_eps = 0;
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
};

// The plain graph of a model, nothing fused, weights unquantised. `runs`: how its layers are to be
// divided among blocks; together all layers in order.
Graph build(const ModelConfig& config, std::uint32_t context, std::span<const LayerRun> runs);

// Throws CompileError saying which rule is broken where. Every pass leaves a graph that passes.
void verify(const Graph& graph);

// For people: --dump.
std::string to_string(const Graph& graph);

}  // namespace skald::compiler::ir
