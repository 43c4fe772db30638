// SPDX-License-Identifier: MIT
// PyTorch's operators in terms of those of operators.hpp. In-place ones give a new value, which
// their first argument's name stands for from there on.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "import/tensor_graph.hpp"
#include "input/json.hpp"

namespace skald::compiler::graphs {

// A node of torch.export's graph as it is lowered.
class AtenNode {
  public:
    using Find = std::function<Id(const std::string& name)>;

    AtenNode(TensorGraph& graph, const JsonObject& node, std::string path, Find find);

    // ---- arguments ----

    bool has(std::string_view name) const;  // given, and not None
    // By its place, of operators whose arguments have no names.
    Id value(std::size_t place);
    std::int64_t integer(std::size_t place) const;
    Id value(std::string_view name);  // a tensor or number, as a value
    std::vector<Id> values(std::string_view name);
    std::int64_t integer(std::string_view name, std::optional<std::int64_t> otherwise = {}) const;
    double number(std::string_view name, double otherwise) const;
    bool flag(std::string_view name, bool otherwise) const;
    std::string text(std::string_view name, std::string_view otherwise) const;
    std::vector<std::int64_t> integers(std::string_view name) const;
    std::int64_t type(std::string_view name) const;  // as ONNX numbers it
    bool is_complex_type(std::string_view name) const;
    std::vector<Id> tensors();        // all there are among its arguments
    Id sizes(std::string_view name);  // a list of numbers, known or not, as a value

    // ---- results ----

    Id constant(std::int64_t number);
    Id constant(double number);
    Id constants(std::vector<std::int64_t> numbers);
    using Attributes = std::map<std::string, Attribute, std::less<>>;
    // One value more; `n` of them.
    Id make(std::string_view op, std::vector<Id> inputs, Attributes attributes = {});
    std::vector<Id> make_many(std::size_t n, std::string_view op, std::vector<Id> inputs,
                              Attributes attributes = {});
    std::vector<Id> results{};

    std::size_t outputs() const { return outputs_; }
    [[noreturn]] void refuse(std::string_view why) const;

  private:
    const Json* find(std::string_view name) const;
    const Json& argument(std::size_t place) const;
    Id value_of(const Json& argument);

    TensorGraph& g_;
    std::string path_;
    Find find_;
    std::vector<std::pair<std::string, const Json*>> arguments_;
    std::size_t outputs_ = 0;
};

// Null: the operator is not supported. `target` as the file has it, torch.ops.aten.add.Tensor.
const std::function<void(AtenNode&)>* lowering_of(std::string_view target);

// Whether nothing depends on it: checks of shapes and types.
bool is_assertion(std::string_view target);

// How torch.export numbers types; of complex numbers each part has one.
bool is_complex_type(std::int64_t number);
DType torch_type(std::int64_t number, const std::string& where);

}  // namespace skald::compiler::graphs
