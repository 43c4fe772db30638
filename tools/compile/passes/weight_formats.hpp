// SPDX-License-Identifier: MIT
// Which format each matrix is stored in: what the user chose, else what its type in the source fits
// into. One micro-op in a loop reads one format, so layers whose formats agree make a run.
#pragma once

#include <array>
#include <vector>

#include "ir/graph.hpp"
#include "model/model.hpp"
#include "passes/weight_choice.hpp"

namespace skald::compiler {

using LayerFormats = std::array<isa::WeightFormat, kSlots>;  // by Slot; of matrices only
// By layer; those of a matrix outside of the layers are the same in all.
using WeightFormats = std::vector<LayerFormats>;

// Throws CompileError where a pattern fits no tensor.
WeightFormats choose_formats(const Model& model, const WeightRules& rules);

// Neighbouring layers with equal formats, together all of them.
std::vector<ir::LayerRun> runs_of(const WeightFormats& formats);

}  // namespace skald::compiler
