// SPDX-License-Identifier: MIT
// A compiled model in a card's memory: an address space with weights and program, for sessions to
// share.
#pragma once

#include <cstdint>
#include <span>

#include "libskald/address_space.hpp"
#include "libskald/buffer.hpp"
#include "libskald/uploader.hpp"
#include "skald/container.hpp"
#include "skald/isa.hpp"

namespace skald::rt {

// What a model is made of; a Container has all of it. The spans outlive the Model.
struct ModelImage {
    const container::ModelInfo& info;
    std::span<const isa::MicroOp> program;
    std::span<const std::byte> weights;
    // Where the weights are mapped from, if they are.
    FileRange weights_file{};
    // Of a model that is only a shape: bytes that its weights would have. 0: they are there.
    std::uint64_t shape_bytes = 0;

    [[nodiscard]] std::uint64_t weight_bytes() const {
        return shape_bytes != 0 ? shape_bytes : weights.size();
    }
};

class Model {
  public:
    // Uploads. Throws Error, with ENOSPC when the card's memory is too small, with EINVAL when the
    // model is only a shape and the card computes.
    Model(Device& device, const ModelImage& image);

    [[nodiscard]] Device& device() const { return space_.device(); }
    [[nodiscard]] AddressSpace& space() { return space_; }
    [[nodiscard]] const container::ModelInfo& info() const { return image_.info; }
    [[nodiscard]] std::span<const isa::MicroOp> program() const { return image_.program; }
    [[nodiscard]] std::uint64_t weights_va() const { return binding_.va(); }
    [[nodiscard]] std::uint64_t program_va() const { return binding_.va() + program_offset_; }

  private:
    ModelImage image_;
    AddressSpace space_;
    std::uint64_t program_offset_;  // in memory_, behind the weights
    Buffer memory_;
    Binding binding_;
};

}  // namespace skald::rt
