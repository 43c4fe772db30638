// SPDX-License-Identifier: MIT
// Which format each kind of weight is stored in: what the user chose, else what the source's types
// fit into. One format serves all layers, because one micro-op in a loop reads them.
#pragma once

#include <array>

#include "model/model.hpp"
#include "passes/weight_choice.hpp"

namespace skald::compiler {

using WeightFormats = std::array<isa::WeightFormat, kSlots>;  // by Slot; of matrices only

// Throws CompileError where the rules ask for one format in one layer and another in another, or
// where a pattern fits no tensor.
WeightFormats choose_formats(const Model& model, const WeightRules& rules);

// The smallest format that holds the integers of both.
isa::WeightFormat join(isa::WeightFormat a, isa::WeightFormat b);

}  // namespace skald::compiler
