// SPDX-License-Identifier: MIT
// The part of a compilation that reads no weights: graph, passes, layout, program.
#include <algorithm>

#include "backend/decoder_program.hpp"
#include "compile.hpp"
#include "error.hpp"
#include "passes/weight_formats.hpp"

namespace skald::compiler {
namespace {

// Rows of one step: hundreds, so that a weight decoded once serves many rows of a prompt. The
// workspace of large models bounds them, card memory being for weights and caches.
constexpr std::uint32_t kMaxRows = 512;
constexpr std::uint64_t kMaxWorkspace = 256u << 20, kNoLimit = std::uint64_t{1} << 48;

// The history's row in bytes must fit an operand's pitch, which counts 16 bytes in 16 bits.
constexpr std::uint32_t kContextUnit = 4;
constexpr std::uint32_t kMaxContext = 65535 * kContextUnit;

std::uint32_t choose_context(const Model& model, const CompileOptions& options) {
    const DecoderSpec& spec = model.spec;
    const std::uint32_t most = std::min(spec.longest, kMaxContext);
    const std::uint32_t wanted = options.context.value_or(std::min(spec.context, kDefaultContext));
    if (options.context && (wanted < kContextUnit || wanted > most))
        fail("{}: a context of {} is not possible, the {} allows {} to {}", model.config.source,
             wanted, spec.longest > kMaxContext ? "card" : "model", kContextUnit, most);
    if (wanted < kContextUnit)
        fail("{}: a context of {} positions is too short", model.config.source, wanted);
    return wanted / kContextUnit * kContextUnit;
}

void check_cache(const Model& model, isa::KvFormat format) {
    if (format != isa::KvFormat::I8)
        return;
    for (const Layer& layer : model.spec.layers)
        if (const auto* a = std::get_if<Attention>(&layer.mixer))
            for (const std::uint32_t dim : {a->k_dim, a->v_dim})
                if (dim % 4 != 0)
                    fail(
                        "{}: an int8 KV cache needs a head size that is a multiple of 4, this is "
                        "{}",
                        model.config.source, dim);
}

}  // namespace

Planner::Planner(Model& model, const CompileOptions& options)
    : model_(model),
      options_(options),
      sequences_(options.sequences.value_or(kDefaultSequences)),
      rows_(std::max(options.rows.value_or(kMaxRows), sequences_)) {
    if (rows_ > isa::kMaxRows)
        fail("{}: a step of {} rows is not possible, the card takes at most {}",
             model.config.source, rows_, isa::kMaxRows);
    choose_formats(model.spec, {options.weights, options.tensors}, model.config.source);
    check_cache(model, options.kv_format());
    context_ = choose_context(model, options);
    // Cards of one stage differ in nothing that takes room.
    if (options.split.ranks() > 1)
        for (std::uint32_t stage = 0; stage < options.split.pipeline; ++stage)
            rows_ = std::min(rows_, graph(stage * options.split.tensor, rows_, false).max_rows);
}

ir::Graph Planner::graph(std::uint32_t rank, std::uint32_t rows, bool tell) const {
    // Each sequence has a row in every step, whatever workspace that takes.
    const bool asked = sequences_ > kDefaultSequences || options_.rows;
    const PassOptions passes{rows, sequences_, asked ? kNoLimit : kMaxWorkspace};
    const Share share = options_.split.share(rank);
    ir::Graph g = ir::build(
        share.ranks() == 1 ? model_.spec : share_of(model_.spec, share, model_.config.source),
        {context_, options_.kv_format()});
    run_passes(g, passes, tell ? options_.after_pass : nullptr);
    return g;
}

Plan plan(Model& model, const CompileOptions& options) {
    return Planner(model, options).plan(0);
}

Plan Planner::plan(std::uint32_t rank) const {
    Plan p;
    p.graph = graph(rank, rows_, true);
    p.layout = lay_out(p.graph);
    p.program = decoder_program(p.graph, p.layout);
    return p;
}

}  // namespace skald::compiler
