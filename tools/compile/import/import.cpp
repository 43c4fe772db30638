// SPDX-License-Identifier: MIT
#include "import/import.hpp"

#include <algorithm>

#include "error.hpp"
#include "import/guarded_softmax.hpp"
#include "import/operators.hpp"

namespace skald::compiler::graphs {
namespace {

void check_node(const TensorGraph& g, const Node& node) {
    const Operator& op = *node.op;
    if (node.inputs.size() < op.least_inputs || node.inputs.size() > op.most_inputs)
        fail("{}: {} ({}): has {} inputs", g.file, node.path, op.name, node.inputs.size());
    for (const auto& [name, value] : node.attributes)
        if (std::ranges::find(op.attributes, name) == op.attributes.end())
            fail("{}: {} ({}): its attribute {} is not supported", g.file, node.path, op.name,
                 name);
}

}  // namespace

bool is_graph_file(const std::filesystem::path& path) {
    return path.extension() == ".onnx" || path.extension() == ".pt2";
}

TensorGraph import_graph(const std::filesystem::path& path) {
    TensorGraph g = path.extension() == ".pt2" ? read_pt2(path) : read_onnx(path);
    for (const Node& node : g.nodes)
        check_node(g, node);
    for (auto& [id, value] : g.constants)
        value.fixed = true;
    verify(g);
    drop_softmax_guards(g);
    return g;
}

}  // namespace skald::compiler::graphs
