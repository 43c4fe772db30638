// SPDX-License-Identifier: MIT
// A model of which times are wanted: a compiled one, or a shape, which is planned here from a
// config.json and has addresses and no weights.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chip/group.hpp"
#include "container/container.hpp"
#include "libskald/model.hpp"

namespace skald::chip {

struct ShapeRequest {
    std::string config;  // a file (with a / or . in its name), or a model of data/models
    std::string weights = "int8";
    std::string kv;               // empty: as llm-compile chooses
    std::uint32_t context = 0;    // positions; 0: as llm-compile chooses
    std::uint32_t sequences = 0;  // that decode together; 0: likewise
    std::uint32_t rows = 0;       // of a step; 0: likewise
};

class TimedModel {
  public:
    // Throws rt::ContainerError.
    explicit TimedModel(const std::string& container);
    // Throws compiler::CompileError, rt::Error.
    explicit TimedModel(const ShapeRequest& shape);
    // A shape that has been planned.
    TimedModel(std::string name, const container::ModelInfo& info,
               std::vector<isa::MicroOp> program, std::uint64_t weight_bytes);

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] const container::ModelInfo& info() const {
        return container_ ? container_->model() : info_;
    }
    [[nodiscard]] std::uint64_t weight_bytes() const {
        return container_ ? container_->weight_bytes() : shape_bytes_;
    }
    [[nodiscard]] bool is_shape() const { return !container_ || container_->is_shape(); }
    // Lives as long as this.
    [[nodiscard]] rt::ModelImage image() const;

  private:
    std::string name_;
    std::unique_ptr<rt::Container> container_;  // null: a shape that was planned here
    container::ModelInfo info_{};
    std::vector<isa::MicroOp> program_;
    std::uint64_t shape_bytes_ = 0;
};

// Of a group: what the first chip of each stage has. Of compiled files `container` is what they
// were called before .rank0 and so on. Throw as above, and rt::Error for files of another split.
[[nodiscard]] std::vector<TimedModel> timed_models(const std::string& container,
                                                   const Group& group);
[[nodiscard]] std::vector<TimedModel> timed_models(const ShapeRequest& shape, const Group& group);

}  // namespace skald::chip
