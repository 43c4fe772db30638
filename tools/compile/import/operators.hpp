// SPDX-License-Identifier: MIT
// The operators of tensor graphs, in one table: ONNX's and com.microsoft's by their names, and some
// that only the reader of .pt2 files makes. Each computes its outputs from values that are known,
// or in part only as shapes or symbols; what symbols mean is the business of an Algebra.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "import/algebra.hpp"
#include "import/tensor_graph.hpp"

namespace skald::compiler::graphs {

// One evaluation of one node.
class Call {
  public:
    Call(const Node& node, std::vector<const Value*> inputs, std::int64_t opset, Algebra* algebra)
        : node_(node), inputs_(std::move(inputs)), opset_(opset), algebra_(algebra) {}

    const Node& node() const { return node_; }
    std::int64_t opset() const { return opset_; }
    std::size_t inputs() const { return inputs_.size(); }
    bool has(std::size_t i) const { return i < inputs_.size() && inputs_[i] != nullptr; }
    const Value& in(std::size_t i) const;
    // Values of an input that must be known.
    std::vector<std::int64_t> ints(std::size_t i) const;
    std::int64_t integer(std::size_t i) const { return in(i).integer(); }

    bool has_attribute(std::string_view name) const;
    std::int64_t integer(std::string_view name, std::optional<std::int64_t> otherwise = {}) const;
    double number(std::string_view name, std::optional<double> otherwise = {}) const;
    std::string text(std::string_view name, std::string_view otherwise) const;
    std::vector<std::int64_t> ints(std::string_view name) const;
    const Value* tensor(std::string_view name) const;

    // An axis counted from the front.
    static std::int64_t axis(std::int64_t axis, std::int64_t rank);

    // Where a symbol turns up.
    Algebra& algebra() const;

  private:
    const Attribute* find(std::string_view name) const;

    const Node& node_;
    std::vector<const Value*> inputs_;
    std::int64_t opset_;
    Algebra* algebra_;
};

struct Operator {
    std::string_view name;  // with the domain, if it is not ONNX's
    std::uint32_t least_inputs, most_inputs;
    std::vector<Value> (*compute)(const Call& call);
    std::vector<std::string_view> attributes{};  // all there may be
};

inline constexpr std::uint32_t kAny = 0xffffffff;

// Null: there is none.
const Operator* operator_named(std::string_view name);
std::span<const Operator> operators();

// Rows of the table by what they do: one function each in movement.cpp, arithmetic.cpp ...
void add_movement(std::vector<Operator>& table);
void add_making(std::vector<Operator>& table);
void add_arithmetic(std::vector<Operator>& table);
void add_reductions(std::vector<Operator>& table);
void add_products(std::vector<Operator>& table);
void add_einsum(std::vector<Operator>& table);
void add_indexing(std::vector<Operator>& table);
void add_layers(std::vector<Operator>& table);
void add_attention(std::vector<Operator>& table);
void add_quantised(std::vector<Operator>& table);
void add_mixtures(std::vector<Operator>& table);

}  // namespace skald::compiler::graphs
