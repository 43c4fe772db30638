// SPDX-License-Identifier: MIT
// The passes, in the order they run. Each is a function of graph to graph in its own file, leaves a
// graph that verifies, and can be shown with --dump NAME.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "ir/graph.hpp"

namespace skald::compiler {

struct PassOptions {
    std::uint32_t max_rows = 0;      // rows of one step
    std::uint32_t max_selected = 0;  // rows of one step that go through the head
    std::uint64_t max_workspace = std::uint64_t{1} << 48;  // bytes; larger: fewer rows
};

// Equal constants become one (tied embeddings are stored once); what nothing uses goes away.
void fold(ir::Graph& graph, const PassOptions& options);

// Sets the format in which each matrix is stored.
void quantise(ir::Graph& graph, const PassOptions& options);

// Matrices with the same input and format become one (q|k|v, gate|up), rotations side by side
// become one, a residual is added by the matrix product before it.
void fuse(ir::Graph& graph, const PassOptions& options);

// Orders the nodes of each block so that few values are alive at a time.
void schedule(ir::Graph& graph, const PassOptions& options);

// Gives every root value its place in the workspace; values that are not alive together share.
// Halves the rows of a step until the workspace is within its bounds.
void plan_memory(ir::Graph& graph, const PassOptions& options);

struct Pass {
    std::string_view name;
    void (*run)(ir::Graph&, const PassOptions&);
};
inline constexpr std::array<Pass, 5> kPasses{{
    {"fold", fold},
    {"quantise", quantise},
    {"fuse", fuse},
    {"schedule", schedule},
    {"plan_memory", plan_memory},
}};

// Runs all passes, verifying after each. `after`, if set, is called with each pass's name and
// result ("build" first).
void run_passes(ir::Graph& graph, const PassOptions& options,
                const std::function<void(std::string_view, const ir::Graph&)>& after = {});

}  // namespace skald::compiler
