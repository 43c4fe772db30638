// SPDX-License-Identifier: MIT
// From what was recognised to the description of a decoder: which products, norms and functions
// stand where in which layer.
#pragma once

#include "model/spec.hpp"
#include "raise/masks.hpp"
#include "raise/recogniser.hpp"

namespace skald::compiler::raising {

struct Raised {
    DecoderSpec spec;
    // For people: a line for each part, what it is and which node it was.
    std::vector<std::string> explained;
};

// Throws CompileError, with the path of the node that does not fit.
Raised describe(Recogniser& recogniser, const Value& logits, const graphs::TensorGraph& graph,
                const Roles& roles);

}  // namespace skald::compiler::raising
