// SPDX-License-Identifier: MIT
#include "passes/passes.hpp"

namespace skald::compiler {

// Chosen per matrix, not per part: one micro-op reads one format. `keep` and `int8` differ only in
// intent today: what is int8 in the source stays exact under both (backend/tile.cpp), and the card
// has no faster form for floats.
void quantise(ir::Graph& graph, const PassOptions& options) {
    for (ir::Constant& c : graph.constants) {
        if (c.kind != ir::ConstantKind::kMatrix)
            continue;
        c.format = options.weights == WeightChoice::kF16   ? isa::WeightFormat::F16
                   : options.weights == WeightChoice::kF32 ? isa::WeightFormat::F32
                                                           : isa::WeightFormat::I8B32;
        c.quantised = true;
    }
}

}  // namespace skald::compiler
