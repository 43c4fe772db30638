// SPDX-License-Identifier: MIT
// One layer of a decoder as a piece of graph that stands alone: its values, its constants with what
// they are made of, its nodes. build.cpp compares such pieces, and makes loops of those that are
// alike.
#pragma once

#include <vector>

#include "ir/graph.hpp"

namespace skald::compiler::ir {

class Fragment {
  public:
    struct Piece {
        Constant constant;     // without parts
        std::vector<Expr> of;  // by expert, or one; of a table none
        isa::WeightFormat format = isa::WeightFormat::F32;
    };

    // What the layer begins with is value 0, [T, hidden].
    explicit Fragment(std::uint32_t hidden);

    std::vector<Value> values;
    std::vector<Piece> constants;
    std::vector<Node> nodes;
    ValueId result = 0;

    // ---- writing it down ----

    ValueId value(std::string name, std::uint32_t width, Rows rows = Rows::kBatch);
    ValueId in_place(std::string name, ValueId of);
    void push(Node node) { nodes.push_back(std::move(node)); }

    ConstantId matrix(std::string name, const Matrix& matrix);
    // Of all numbers that an expression has; of experts those of each.
    ConstantId vector(std::string name, const std::vector<Expr>& of);
    ConstantId table(std::uint32_t number);

    // `x` itself where there is no norm.
    ValueId norm(const std::string& name, const std::string& gain, const Norm& norm, ValueId x);
    // The same, where x was.
    ValueId norm_in_place(const std::string& name, const std::string& gain, const Norm& norm,
                          ValueId x);
    ValueId linear(const std::string& name, const Linear& linear, ValueId x);
    // a + scale * b, in the place of a.
    ValueId add(const std::string& name, ValueId a, ValueId b, float scale = 1);
    ValueId activation(const std::string& name, FunctionAttributes function, ValueId x);

    // What layers of this kind cannot differ in and still share a loop.
    bool alike(const Fragment& other) const;

  private:
    Node norm_node(const std::string& gain, const Norm& norm, ValueId x, ValueId y);
};

Fragment embedding_fragment(const DecoderSpec& spec);
Fragment layer_fragment(const DecoderSpec& spec, const Layer& layer, std::uint32_t context);
Fragment head_fragment(const DecoderSpec& spec);

}  // namespace skald::compiler::ir
