// SPDX-License-Identifier: MIT
// A compiled model on a card in this process, made to tell what it computes for a text.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "container/container.hpp"
#include "libskald/device.hpp"
#include "tokenizer/spec.hpp"

namespace skald::compiler::checking {

class Card {
  public:
    // The container must outlive it. Throws rt::Error.
    Card(const rt::Container& container, unsigned threads);

    // Has the program read the tokens, from position 0, and put out what it dumps for them:
    // `floats_per_row` for each token, a step of some rows at a time. `mode`: bits of
    // skald/program.hpp beside kModeDump. `program` is the container's, or one of the same graph
    // and layout.
    using OnStep =
        std::function<void(std::size_t first, std::size_t rows, std::span<const float> dumped)>;
    void read(std::span<const isa::MicroOp> program, std::span<const rt::TokenId> ids,
              std::size_t floats_per_row, std::uint64_t mode, const OnStep& on_step);

  private:
    const rt::Container& container_;
    std::unique_ptr<rt::Device> device_;
};

}  // namespace skald::compiler::checking
