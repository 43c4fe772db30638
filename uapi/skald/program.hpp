// SPDX-License-Identifier: MIT
// The convention between a compiled language model and the runtime that runs it: which registers mean what, what lies
// where in the job's buffers, and how a job ends. uapi/doc/program.md draws the program.
#pragma once

#include <cstdint>

namespace skald::program {

// Registers of the ragged decoder program; the argument block holds their values as u64 words. VAs are bytes; tables lie at
// multiples of what skald/isa.hpp asks of their elements, in card memory unless said otherwise.
// "host" = set by the runtime before the first job of a request; "state" = saved back by END, so that the next job
// goes on where this one stopped; unlisted registers are the program's own.
enum Reg : std::uint8_t {
    kWeights = 1,      // host: VA of the weight image
    kKvPool = 2,       // host: VA of the KV pool
    kWork = 3,         // host: VA of the workspace, model_info.workspace_bytes
    kIo = 4,           // host: VA of nothing in particular, free for the runtime
    kSequences = 5,    // host: VA of the Sequence table
    kBlocks = 6,       // host: VA of the block table: u32 [sequence][model_info.blocks_per_sequence]
    kKvBlocks = 7,     // host: blocks in the pool
    kHistory = 8,      // host: VA of the history: u32 [sequence][model_info.context]
    kRing = 9,         // host: VA of the token ring (system memory)
    kRingMask = 10,    // host: its entries - 1
    kRingIndex = 11,   // state: next entry
    kSteps = 12,       // state: VA of the next StepDesc (prefill); advances
    kStepsLeft = 13,   // state: StepDescs left; 0: decode with what kTokens/kRows say
    kTokens = 14,      // state: VA of the next step's token ids, u32
    kRows = 15,        // state: VA of the next step's row table
    kSelect = 16,      // state: VA of the next step's selected row indices (u32, relative to the step)
    kTargets = 17,     // state: VA of the next step's LOGPROB targets, u32 per selected row
    kLogProbs = 18,    // state: VA where the next log-probabilities go, f32 per selected row
    kDump = 19,        // state: VA where the next logits rows go (system memory), f32 [rows][vocabulary]
    kMode = 20,        // host: kMode* bits
    kDecodeRows = 21,  // state: rows of a decode step (sequences that sample)
    kDecodeTokens = 22,  // host: VA of u32 [kDecodeRows]: sampled tokens, input of the next decode step
    kDecodeTable = 23,   // host: VA of Row [kDecodeRows]: rows of the decode steps; the program fills and advances it
    kActive = 24,      // state: sequences not stopped yet; a job that starts with 0 falls through with DONE
    kStop = 25,        // host: nonzero ends the request at the next token boundary. The program re-reads the word from
                       // the argument block at every boundary, and END does not save it: the host may write it while
                       // a job runs.
};

inline constexpr std::uint64_t kModeSample = 1;   // last prefill step samples, decode loop runs
inline constexpr std::uint64_t kModeLogProb = 2;  // LOGPROB of kTargets for all selected rows
inline constexpr std::uint64_t kModeDump = 4;     // logits of all selected rows are copied to kDump
inline constexpr std::uint64_t kModeLong = 8;     // some sequence may pass model_info.short_context: its rotary angles are the
                                                  // long ones (longrope); of no effect in other programs

// One prefill step: rows to process, and how many of them (indices at kSelect) go through the head.
struct StepDesc {
    std::uint32_t rows;      // 1 .. model_info.max_rows; the card does not check it: more would overrun the workspace's buffers
    std::uint32_t selected;  // 0 .. model_info.max_selected
};
static_assert(sizeof(StepDesc) == 8);

}  // namespace skald::program
