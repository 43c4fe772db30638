// SPDX-License-Identifier: MIT
// A graph of tensors as an exporter wrote it: nodes in the order in which they are computed,
// whatever file they came in. Names and paths are the file's, for people.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "import/value.hpp"
#include "input/input_files.hpp"
#include "input/tensor.hpp"

namespace skald::compiler::graphs {

using Id = std::uint32_t;  // of a value
inline constexpr Id kAbsent = 0xffffffff;

struct Operator;

using Attribute = std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>,
                               std::vector<double>, std::vector<std::string>, Value>;

struct Node {
    const Operator* op = nullptr;
    std::string path;
    std::vector<Id> inputs, outputs;  // kAbsent: left out
    std::map<std::string, Attribute, std::less<>> attributes;
};

// A dimension has a size or a name.
struct Dimension {
    std::int64_t size = -1;
    std::string name;
};

struct Input {
    Id value = kAbsent;
    Element element = Element::kFloat;
    std::vector<Dimension> shape;
};

struct TensorGraph {
    std::string file;
    std::string producer;
    std::int64_t opset = 0;
    std::vector<std::string> names;  // by value
    std::vector<Input> inputs;
    std::vector<Id> outputs;
    std::map<Id, Value> constants;
    std::vector<Node> nodes;
    std::deque<Tensor> tensors;               // what weights are made of
    std::shared_ptr<const InputFiles> files;  // what tensors point into

    Id add_value(std::string name) {
        names.push_back(std::move(name));
        return static_cast<Id>(names.size() - 1);
    }
};

// Puts nodes in the order in which they can be computed. Throws CompileError, naming a node, if
// there is none: a cycle, or a value that nobody computes or two do.
void verify(TensorGraph& graph);

// For people: --dump import.
std::string to_string(const TensorGraph& graph);

}  // namespace skald::compiler::graphs
