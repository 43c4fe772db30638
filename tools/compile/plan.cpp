// SPDX-License-Identifier: MIT
// The part of a compilation that reads no weights: graph, passes, layout, program.
#include <algorithm>

#include "backend/decoder_program.hpp"
#include "compile.hpp"
#include "error.hpp"

namespace skald::compiler {
namespace {

// Rows of one step. Larger steps read the weights less often, but hold the card (and the workspace)
// longer; from about a hundred rows on a matrix product is bound by arithmetic.
constexpr std::uint32_t kMaxRows = 128;
constexpr std::uint32_t kMaxSelected = 64;

// The history's row in bytes must fit an operand's pitch, which counts 16 bytes in 16 bits.
constexpr std::uint32_t kContextUnit = 4;
constexpr std::uint32_t kMaxContext = 65535 * kContextUnit;

std::uint32_t choose_context(const ModelConfig& config, const CompileOptions& options) {
    const std::uint32_t wanted =
        options.context.value_or(std::min(config.context, kDefaultContext));
    if (options.context &&
        (wanted < kContextUnit || wanted > std::min(config.context, kMaxContext)))
        fail("{}: a context of {} is not possible, the model allows {} to {}", config.source,
             wanted, kContextUnit, std::min(config.context, kMaxContext));
    if (config.sliding_window != 0 && config.sliding_window < wanted)
        fail(
            "{}: attention with a sliding window ({} of {} positions) is not supported; --context "
            "{} compiles the "
            "model within one window",
            config.source, config.sliding_window, wanted, config.sliding_window);
    if (wanted < kContextUnit)
        fail("{}: a context of {} positions is too short", config.source, wanted);
    return wanted / kContextUnit * kContextUnit;
}

}  // namespace

Plan plan(const Model& model, const CompileOptions& options) {
    Plan p;
    p.graph = ir::build(model.config, choose_context(model.config, options));
    const PassOptions passes{options.weights, kMaxRows, kMaxSelected};
    run_passes(p.graph, passes, options.after_pass);
    p.layout = lay_out(p.graph);
    p.program = decoder_program(p.graph, p.layout);
    return p;
}

}  // namespace skald::compiler
