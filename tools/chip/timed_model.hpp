// SPDX-License-Identifier: MIT
// A model of which times are wanted: a compiled one, or a shape, which is planned here from a
// config.json and has addresses and no weights.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "container/container.hpp"
#include "libskald/model.hpp"

namespace skald::chip {

struct ShapeRequest {
    std::string config;  // a file (with a / or . in its name), or a model of data/models
    std::string weights = "int8";
    std::string kv = "f16";
    std::uint32_t context = 0;    // positions; 0: as llm-compile chooses
    std::uint32_t sequences = 0;  // that decode together; 0: likewise
};

class TimedModel {
  public:
    // Throws rt::ContainerError.
    explicit TimedModel(const std::string& container);
    // Throws compiler::CompileError, rt::Error.
    explicit TimedModel(const ShapeRequest& shape);

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

}  // namespace skald::chip
