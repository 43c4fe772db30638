// SPDX-License-Identifier: MIT
// The part of a compilation that reads no weights: graph, passes, layout, program.
#include <algorithm>

#include "backend/decoder_program.hpp"
#include "compile.hpp"
#include "error.hpp"

namespace skald::compiler {
namespace {

// Rows of one step: hundreds, so that a weight decoded once serves many rows of a prompt. The
// workspace of large models bounds them, card memory being for weights and caches.
constexpr std::uint32_t kMaxRows = 512;
constexpr std::uint64_t kMaxWorkspace = 256u << 20;
constexpr std::uint32_t kMaxSelected = 64;  // sequences that decode together

// The history's row in bytes must fit an operand's pitch, which counts 16 bytes in 16 bits.
constexpr std::uint32_t kContextUnit = 4;
constexpr std::uint32_t kMaxContext = 65535 * kContextUnit;

std::uint32_t choose_context(const ModelConfig& config, const CompileOptions& options) {
    const std::uint32_t wanted =
        options.context.value_or(std::min(config.context, kDefaultContext));
    if (options.context &&
        (wanted < kContextUnit || wanted > std::min(config.context, kMaxContext)))
        fail("{}: a context of {} is not possible, the {} allows {} to {}", config.source, wanted,
             config.context > kMaxContext ? "card" : "model", kContextUnit,
             std::min(config.context, kMaxContext));
    if (wanted < kContextUnit)
        fail("{}: a context of {} positions is too short", config.source, wanted);
    return wanted / kContextUnit * kContextUnit;
}

}  // namespace

Plan plan(const Model& model, const CompileOptions& options) {
    const PassOptions passes{kMaxRows, kMaxSelected,
                             choose_formats(model, {options.weights, options.tensors}),
                             kMaxWorkspace};
    Plan p;
    p.graph =
        ir::build(model.config, choose_context(model.config, options), runs_of(passes.formats));
    p.graph.kv_format = options.kv;
    if (options.kv == isa::KvFormat::I8 && p.graph.head_dim % 4 != 0)
        fail("{}: an int8 KV cache needs a head size that is a multiple of 4, this is {}",
             model.config.source, p.graph.head_dim);
    // A window that no sequence outgrows changes nothing.
    if (model.config.sliding_window < p.graph.context)
        p.graph.window = model.config.sliding_window;
    run_passes(p.graph, passes, options.after_pass);
    p.layout = lay_out(p.graph);
    p.program = decoder_program(p.graph, p.layout);
    return p;
}

}  // namespace skald::compiler
