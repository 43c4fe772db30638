// SPDX-License-Identifier: MIT
// Which format each matrix is stored in: what the user chose, else what its type in the source fits
// into. One micro-op in a loop reads one format, so layers whose formats agree make a run.
#pragma once

#include <string>

#include "model/spec.hpp"
#include "passes/weight_choice.hpp"

namespace skald::compiler {

// Sets Matrix::format of every matrix. Throws CompileError where a pattern fits no tensor;
// `source` is for the message.
void choose_formats(DecoderSpec& spec, const WeightRules& rules, const std::string& source);

}  // namespace skald::compiler
