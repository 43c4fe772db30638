// SPDX-License-Identifier: MIT
#include <cstddef>

#include "passes/passes.hpp"

namespace skald::compiler {

// Before fusing: one micro-op reads one format, so only matrices of the same become one. The layers
// of a constant are a run of equal formats: those of its first layer are those of all.
void quantise(ir::Graph& graph, const PassOptions& options) {
    for (ir::Constant& c : graph.constants) {
        if (c.kind != ir::ConstantKind::kMatrix)
            continue;
        c.format = options.formats.at(c.layers.first)[static_cast<std::size_t>(c.parts.front())];
        c.quantised = true;
    }
}

}  // namespace skald::compiler
