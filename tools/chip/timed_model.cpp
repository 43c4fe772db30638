// SPDX-License-Identifier: MIT
#include "chip/timed_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "chip/facts_of_models.hpp"
#include "compile/compile.hpp"
#include "libskald/error.hpp"

namespace skald::chip {
namespace {

compiler::CompileOptions options_of(const ShapeRequest& shape) {
    compiler::CompileOptions options;
    const auto weights = compiler::parse_weight_choice(shape.weights);
    if (!weights)
        throw rt::Error(fmt::format("--weights {} is unknown; there are {}", shape.weights,
                                    compiler::weight_choice_names()),
                        EINVAL);
    options.weights = *weights;
    options.kv = shape.kv == "int8" ? isa::KvFormat::I8 : isa::KvFormat::F16;
    if (shape.context != 0)
        options.context = static_cast<std::uint32_t>(isa::ceil_div(shape.context, 4u) * 4);
    if (shape.sequences != 0)
        options.sequences = std::max(shape.sequences, compiler::kDefaultSequences);
    options.shape = true;
    return options;
}

compiler::Model load(const std::string& config) {
    constexpr std::uint64_t kNoMatter = 1;  // no weight is ever made
    if (config.find_first_of("/.") == std::string::npos || known_model(config))
        return compiler::load_random(config, model_config(config), kNoMatter);
    return compiler::load_random(std::filesystem::path(config), kNoMatter);
}

}  // namespace

TimedModel::TimedModel(const std::string& container)
    : name_(container), container_(std::make_unique<rt::Container>(container)) {}

TimedModel::TimedModel(const ShapeRequest& shape) : name_(shape.config) {
    compiler::Model model = load(shape.config);
    compiler::Plan plan = compiler::plan(model, options_of(shape));
    info_ = compiler::model_info(model, plan);
    program_ = std::move(plan.program);
    shape_bytes_ = plan.layout.bytes;
}

rt::ModelImage TimedModel::image() const {
    if (!container_)
        return {info_, program_, {}, {}, shape_bytes_};
    const std::uint64_t shape = container_->is_shape() ? container_->weight_bytes() : 0;
    return {container_->model(), container_->program(), container_->weights(), {}, shape};
}

}  // namespace skald::chip
