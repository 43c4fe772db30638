// SPDX-License-Identifier: MIT
#include <cstddef>

#include "passes/passes.hpp"

namespace skald::compiler {

// Before fusing: one micro-op reads one format, so only matrices of the same become one.
void quantise(ir::Graph& graph, const PassOptions& options) {
    for (ir::Constant& c : graph.constants) {
        if (c.kind != ir::ConstantKind::kMatrix)
            continue;
        c.format = options.formats[static_cast<std::size_t>(c.parts.front())];
        c.quantised = true;
    }
}

}  // namespace skald::compiler
