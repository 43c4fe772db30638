// SPDX-License-Identifier: MIT
// The ragged decoder program of uapi/doc/program.md for one model: its control flow, with the
// planned graph's arithmetic in it.
#pragma once

#include <vector>

#include "backend/layout.hpp"
#include "ir/graph.hpp"
#include "skald/isa.hpp"

namespace skald::compiler {

// Entries of a sequence's row in the block table: enough for the context, a multiple of 4 (an
// operand's pitch counts 16 bytes).
std::uint32_t blocks_per_sequence(std::uint32_t context);

struct ProgramOptions {
    // With kModeDump a step puts out what is carried from layer to layer as well, before its
    // logits: of the embedding and of each layer f32 [rows of the step][hidden], one behind the
    // other at kDump, which moves on.
    bool probe = false;
};

std::vector<isa::MicroOp> decoder_program(const ir::Graph& graph, const WeightLayout& layout,
                                          const ProgramOptions& options = {});

}  // namespace skald::compiler
