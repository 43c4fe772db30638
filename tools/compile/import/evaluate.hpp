// SPDX-License-Identifier: MIT
// Evaluates a tensor graph: on numbers, on symbols, or, of what depends on lengths alone, with
// nothing but shapes for the rest.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "import/algebra.hpp"
#include "import/tensor_graph.hpp"

namespace skald::compiler::graphs {

using Bindings = std::map<Id, Value>;  // of inputs

struct Evaluation {
    Algebra* algebra = nullptr;
    // Told before each node.
    std::function<void(const Node&)> before{};
};

// Values of `wanted`; only what they need is computed, and kept no longer than somebody reads it.
// Throws CompileError with file and node.
std::map<Id, Value> evaluate(const TensorGraph& graph, const Bindings& inputs,
                             const std::vector<Id>& wanted, const Evaluation& how = {});

}  // namespace skald::compiler::graphs
