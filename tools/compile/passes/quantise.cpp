// SPDX-License-Identifier: MIT
#include "passes/passes.hpp"

namespace skald::compiler {

// Before fusing: one micro-op reads one format, so only matrices of the same become one.
void quantise(ir::Graph& graph, const PassOptions&) {
    for (ir::Constant& c : graph.constants) {
        if (c.kind != ir::ConstantKind::kMatrix)
            continue;
        c.format = graph.parameters[c.parts.front()].format;
        c.quantised = true;
    }
}

}  // namespace skald::compiler
