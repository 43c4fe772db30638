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
    explicit Fragment(std::uint32_t hidden, const Share& share = {});

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
    void linear_into(const std::string& name, const Linear& linear, ValueId x, ValueId y);

    // ---- of a model that is split among cards; of one that is not, all columns are its own ----

    bool split() const { return share_.tensor > 1; }
    // For times alone: x, of which each card has a summand.
    ValueId all_reduce(ValueId x, const Share& share);
    // This card's columns of a value that is new.
    ValueId own_of_new(const std::string& name, std::uint32_t width, Rows rows = Rows::kBatch);
    // This card's columns of a value that it has whole.
    ValueId own(const std::string& name, ValueId whole);
    // The whole of which `own`, which one of these two gave, or what lies in its place, is a part.
    ValueId gather(ValueId own);
    // y = W x, with `own` this card's columns of x: they are exchanged as the product quantises
    // them, which is less and the same.
    void linear_of_quantised(const std::string& name, const Linear& linear, ValueId own, ValueId y);
    // Whether that can be, of rows of T and of so many own columns.
    bool exchanges_quantised(const Linear& linear, std::uint32_t own_width) const;
    // a + scale * b, in the place of a.
    ValueId add(const std::string& name, ValueId a, ValueId b, float scale = 1);
    ValueId activation(const std::string& name, FunctionAttributes function, ValueId x);

    // What layers of this kind cannot differ in and still share a loop.
    bool alike(const Fragment& other) const;

  private:
    ExchangeAttributes exchange() const {
        return {share_.tensor, share_.part, share_.first_of_stage()};
    }
    ValueId whole_of(ValueId own) const;

    Share share_;
    Node norm_node(const std::string& gain, const Norm& norm, ValueId x, ValueId y);
};

Fragment embedding_fragment(const DecoderSpec& spec);
Fragment layer_fragment(const DecoderSpec& spec, const Layer& layer, std::uint32_t context);
Fragment head_fragment(const DecoderSpec& spec);

}  // namespace skald::compiler::ir
