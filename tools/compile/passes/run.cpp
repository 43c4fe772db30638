// SPDX-License-Identifier: MIT
#include "passes/passes.hpp"

namespace skald::compiler {

void run_passes(ir::Graph& graph, const PassOptions& options,
                const std::function<void(std::string_view, const ir::Graph&)>& after) {
    const auto done = [&](std::string_view name) {
        ir::verify(graph);
        if (after)
            after(name, graph);
    };
    done("build");
    for (const Pass& pass : kPasses) {
        pass.run(graph, options);
        done(pass.name);
    }
}

}  // namespace skald::compiler
