// SPDX-License-Identifier: MIT
// What a test must read and multiply, whatever the card does: from the tables of the container.
#pragma once

#include <cstdint>
#include <span>

#include "bench/cases.hpp"
#include "skald/container.hpp"

namespace skald::bench {

struct Work {
    std::uint64_t bytes = 0;  // read from card memory: weights, keys and values
    std::uint64_t macs = 0;   // multiply-accumulates with weights (attention is not among them)
};

class Traffic {
  public:
    // tensors: the container's table; where it has none, all figures are 0.
    Traffic(const container::ModelInfo& info, std::span<const container::TensorEntry> tensors);

    // A repetition of the test whose prompt goes through in steps of `chunk` rows.
    [[nodiscard]] Work of(const Case& test, std::uint32_t chunk) const;

  private:
    // A step of `rows` rows, of which `chosen` choose a token, over that many positions in all.
    void add_step(Work& work, std::uint64_t rows, std::uint64_t chosen,
                  std::uint64_t positions) const;
    void add_prompt(Work& work, const Case& test, std::uint32_t chunk) const;

    Work layers_;                       // matrices of every step: bytes once a step, macs a row
    Work head_;                         // only for rows that choose a token
    std::uint64_t position_bytes_ = 0;  // keys and values of a position
};

}  // namespace skald::bench
