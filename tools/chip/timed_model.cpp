// SPDX-License-Identifier: MIT
#include "chip/timed_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <utility>

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
    options.kv = compiler::parse_kv_choice(shape.kv);
    if (shape.context != 0)
        options.context = static_cast<std::uint32_t>(isa::ceil_div(shape.context, 4u) * 4);
    if (shape.sequences != 0)
        options.sequences = std::max(shape.sequences, compiler::kDefaultSequences);
    if (shape.rows != 0)
        options.rows = shape.rows;
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

TimedModel::TimedModel(const ShapeRequest& shape)
    : TimedModel(std::move(timed_models(shape, {}).front())) {}

TimedModel::TimedModel(std::string name, const container::ModelInfo& info,
                       std::vector<isa::MicroOp> program, std::uint64_t weight_bytes)
    : name_(std::move(name)),
      info_(info),
      program_(std::move(program)),
      shape_bytes_(weight_bytes) {}

rt::ModelImage TimedModel::image() const {
    if (!container_)
        return {info_, program_, {}, {}, shape_bytes_};
    const std::uint64_t shape = container_->is_shape() ? container_->weight_bytes() : 0;
    return {container_->model(), container_->program(), container_->weights(), {}, shape};
}

std::vector<TimedModel> timed_models(const std::string& container, const Group& group) {
    std::vector<TimedModel> models;
    if (group.chips() == 1) {
        models.emplace_back(container);
        if (models.front().info().tensor != 0)
            throw rt::Error(
                fmt::format("{} is a part of a model that is split: --split runs all of it",
                            container),
                EINVAL);
        return models;
    }
    for (std::uint32_t stage = 0; stage < group.pipeline; ++stage) {
        const std::uint32_t rank = stage * group.tensor;
        const std::string file = compiler::rank_file(container, rank).string();
        const container::ModelInfo& info = models.emplace_back(file).info();
        if (info.tensor != group.tensor || info.pipeline != group.pipeline)
            throw rt::Error(
                fmt::format("{} was compiled with --split tensor={},pipeline={}, not "
                            "tensor={},pipeline={}",
                            file, info.tensor, info.pipeline, group.tensor, group.pipeline),
                EINVAL);
        if (info.rank != rank)
            throw rt::Error(fmt::format("{} is of rank {}", file, info.rank), EINVAL);
    }
    return models;
}

std::vector<TimedModel> timed_models(const ShapeRequest& shape, const Group& group) {
    compiler::Model model = load(shape.config);
    compiler::CompileOptions options = options_of(shape);
    options.split = {group.tensor, group.pipeline, group.sums};
    const compiler::Planner planner(model, options);
    std::vector<TimedModel> models;
    for (std::uint32_t stage = 0; stage < group.pipeline; ++stage) {
        compiler::Plan plan = planner.plan(stage * group.tensor);
        models.emplace_back(shape.config, compiler::model_info(model, plan),
                            std::move(plan.program), plan.layout.bytes);
    }
    return models;
}

}  // namespace skald::chip
