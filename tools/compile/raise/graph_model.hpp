// SPDX-License-Identifier: MIT
// The front end for graphs: ONNX and .pt2 files, with tokenizer and configuration from a folder.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/model.hpp"

namespace skald::compiler {

struct GraphOptions {
    std::filesystem::path tokenizer{};  // a folder; empty: the one that the graph lies in
    std::function<void(const std::string&)> imported{}, raised{};  // what there is, as text
};

// One file, or several that are one model: embedding, layers, head.
using GraphFiles = std::vector<std::filesystem::path>;

// The graph that `path` is, or that the folder has (as genai_config.json says, or model.onnx) where
// there is no checkpoint; nothing if there is none. Throws CompileError for a broken
// genai_config.json.
std::optional<GraphFiles> graph_at(const std::filesystem::path& path);
// That they lie in.
std::filesystem::path folder_of(const GraphFiles& files);

// Throws CompileError.
Model load_graph(const GraphFiles& files, const GraphOptions& options = {});
inline Model load_graph(const std::filesystem::path& file, const GraphOptions& options = {}) {
    return load_graph(GraphFiles{file}, options);
}

// What was recognised as what, a line each.
std::vector<std::string> explain_graph(const GraphFiles& files);
inline std::vector<std::string> explain_graph(const std::filesystem::path& file) {
    return explain_graph(GraphFiles{file});
}

}  // namespace skald::compiler
