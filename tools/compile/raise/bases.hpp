// SPDX-License-Identifier: MIT
// What symbols are made of: everything in a graph that computes, as it has been understood so far.
// Atoms of "rows" are elements of a matrix with a row for each token: index = row * width + column.
// Others are elements of the tensor that a node made, in its order.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "import/algebra.hpp"
#include "import/symbols.hpp"
#include "model/expression.hpp"

namespace skald::compiler::raising {

using graphs::Scalar;
using graphs::Symbolic;
using graphs::Symbols;
using graphs::Term;
using graphs::Value;

using BaseId = std::uint32_t;

// ---- rows ----

struct Ids {};  // of tokens

struct Lookup {  // rows of a table by id
    Expr table;
};

struct Positions {  // rows of a table by position + first
    Expr table;
    std::int64_t first = 0;
};

struct Product {  // W (factor * x) + bias
    BaseId of = 0;
    double factor = 1;
    Expr weight;
    std::vector<double> bias;                // empty: none
    std::vector<std::uint32_t> source_rows;  // empty: row by row
};

struct Centred {  // minus the mean of each group
    BaseId of = 0;
    std::uint32_t group = 0;
};

struct Normed {
    BaseId of = 0;
    bool centred = false;
    double eps = 0;
    std::uint32_t group = 0;         // columns
    std::vector<double> gain, bias;  // by column; empty: none
};

struct Sum {
    struct Leaf {
        BaseId base = 0;
        double factor = 1;
        bool operator==(const Leaf&) const = default;
    };
    std::vector<Leaf> leaves;
};

struct Activated {              // function(gate) * up, or function(gate)
    std::uint8_t function = 0;  // isa::Activation
    BaseId gate = 0;
    std::optional<BaseId> up;
    std::array<float, 2> parameters{};  // of the function
};

struct Gated {  // of * sigmoid(gate), the gate being of one column
    BaseId of = 0, gate = 0;
};

struct Convolved {  // c * the sum over taps of weights * b * x, each channel by itself
    BaseId b = 0, c = 0, x = 0;
    std::uint32_t taps = 0;
    std::vector<double> weights;  // [taps, width], the oldest position first
    std::vector<double> bias;     // of the sum, by channel; empty: none
};

struct Clipped {  // kept within +-limit
    BaseId of = 0;
    double limit = 0;
};

struct MaskSource {
    std::optional<std::uint32_t> origin;  // value of the graph
    std::optional<Value::Causal> causal;
    enum class Use : std::uint8_t { kAdded, kWhereTrue, kWhereFalse } use = Use::kAdded;
};

struct Heads {  // attention, already with what it is made of
    std::uint32_t heads = 0, kv_heads = 0, k_dim = 0, v_dim = 0;
    double scale = 1, soft_cap = 0;
    BaseId q = 0, k = 0, v = 0;
    // Of latent attention: the columns of keys that are turned, one for all heads; k has the
    // others.
    std::optional<BaseId> shared;
    std::vector<double> frequencies;  // of rotary pairs; empty: none
    double amplitude = 1;
    std::vector<double> sinks;  // of heads; empty: none
    std::vector<MaskSource> masks;
};

struct Mixture {  // experts
    BaseId router = 0, gate = 0, up = 0;
    std::uint32_t count = 0, chosen = 0;
    std::uint8_t score = 0, function = 0;
    std::array<float, 2> parameters{};  // of the function
    bool renormalise = false;
    double scale = 1;
    // What is added to scores where experts are chosen, and the groups that are chosen first.
    std::vector<double> choice_bias;  // empty: nothing
    std::uint32_t groups = 0, groups_kept = 0;
    bool group_sum2 = false, mask_out = false;
    BaseId of = 0;
    std::vector<Expr> gates, ups, downs;  // no gates: functions of ups
    std::vector<std::vector<double>> gate_biases, up_biases, down_biases;  // of each, or none
};

// ---- of tensors ----

struct Function {
    Scalar op = Scalar::kIdentity;
    std::vector<Symbolic> arguments;
};

struct Reduced {
    graphs::Reduction kind = graphs::Reduction::kSum;
    Symbolic of;
    std::uint32_t group = 0;
};

struct Scores {  // [heads, n, k] times [heads, k, m]
    Symbolic a, b;
    std::uint32_t heads = 0, n = 0, k = 0, m = 0;
};

struct Softmax {
    Symbolic of;
    std::uint32_t group = 0;
};

struct Past {  // a cache that came in
    std::uint32_t input = 0;
};

using What =
    std::variant<Ids, Lookup, Positions, Product, Centred, Normed, Sum, Activated, Gated, Convolved,
                 Clipped, Heads, Mixture, Function, Reduced, Scores, Softmax, Past>;

struct Base {
    What what;
    std::string path;  // of the node
    std::uint32_t rows = 0, width = 0;

    bool in_rows() const { return width != 0; }
};

}  // namespace skald::compiler::raising
