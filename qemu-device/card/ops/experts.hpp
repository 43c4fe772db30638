// SPDX-License-Identifier: MIT
// Which rows of MATMUL meet which weights. Without GROUPED there is one expert, whose are all rows.
#pragma once

#include <cstdint>
#include <span>

#include "card/ops/machine.hpp"

namespace skald::card {

class Experts {
  public:
    // One that has rows of y, adjacent ones.
    struct Used {
        std::uint32_t expert = 0;
        std::uint64_t first = 0;
        std::uint64_t count = 0;
    };

    Experts(Machine& m, const isa::MicroOp& op, std::uint64_t rows);

    // With GROUPED: reads offsets and list once, checks them, translates the weights of those that
    // are used, and counts them.
    [[nodiscard]] Fault read(const isa::MicroOp& op);

    [[nodiscard]] std::span<const Used> used() const { return used_.span(); }  // ascending
    [[nodiscard]] std::uint64_t rows() const { return rows_; }                 // of y
    [[nodiscard]] bool indexed() const { return indexed_; }
    [[nodiscard]] std::uint64_t rows_of_x() const { return rows_of_x_; }
    // Which row of x a row of y is made of.
    [[nodiscard]] std::uint64_t row_of_x(std::uint64_t y) const { return indexed_ ? list_[y] : y; }
    // The weights, and where in them an expert's begin.
    [[nodiscard]] const View& weights() const { return m_.operand[1]; }
    [[nodiscard]] std::uint64_t place(std::uint32_t expert) const {
        return (expert - used_[0].expert) * distance_;
    }

  private:
    [[nodiscard]] Fault read_offsets(std::uint32_t experts);
    [[nodiscard]] Fault read_list();
    [[nodiscard]] Fault locate(std::uint64_t bytes);

    Machine& m_;
    bool grouped_, indexed_;
    std::uint64_t rows_;
    std::uint64_t rows_of_x_;
    std::uint64_t distance_ = 0;  // bytes from expert to expert
    ArenaList<Used> used_;
    ArenaList<std::uint32_t> list_;  // with INDEXED
};

}  // namespace skald::card
