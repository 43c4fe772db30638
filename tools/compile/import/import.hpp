// SPDX-License-Identifier: MIT
// Graphs as PyTorch and ONNX write them, as tensor graphs. Files come from strangers: every count,
// offset and name is checked.
#pragma once

#include <filesystem>

#include "import/tensor_graph.hpp"

namespace skald::compiler::graphs {

// By the name's ending: .onnx, .pt2.
bool is_graph_file(const std::filesystem::path& path);

// Verified. Throws CompileError.
TensorGraph import_graph(const std::filesystem::path& path);

TensorGraph read_onnx(const std::filesystem::path& path);
TensorGraph read_pt2(const std::filesystem::path& path);

}  // namespace skald::compiler::graphs
