// SPDX-License-Identifier: MIT
// The left side of MATMUL: a chunk of activation columns, quantised or laid out once the way the
// kernels read them, then used against every row tile of weights.
#pragma once

#include <cstdint>

#include "card/sequencer/machine.hpp"

namespace skald::card {

class Activations {
  public:
    static constexpr std::uint64_t kMostColumns = 512;  // of a chunk; accumulators rely on it

    Activations(Machine& m, const isa::MicroOp& op, std::uint64_t rows);

    // Translates x (op[0]), before the other operands.
    [[nodiscard]] Fault resolve_x(const isa::MicroOp& op);
    // Translates d and s of activations that come quantised (op[4], op[5]), after them.
    [[nodiscard]] Fault resolve_scales(const isa::MicroOp& op);

    // Columns that one chunk should hold.
    [[nodiscard]] std::uint64_t chunk() const { return chunk_; }
    // Makes rows [first, first + columns) of x columns 0 .. of the chunk.
    [[nodiscard]] Fault prepare(std::uint64_t first, std::uint64_t columns);

    // Column `column` from the 64 k number `chunk` on.
    [[nodiscard]] const std::byte* at(std::uint64_t column, std::uint64_t chunk) const {
        return packed_ + column * stride_ + chunk * chunk_bytes_;
    }
    [[nodiscard]] std::uint64_t stride() const { return stride_; }  // bytes, column to column
    // With QuantGroup::Row: sum and scale of a column.
    [[nodiscard]] std::int32_t sum(std::uint64_t column) const { return sum_[column]; }
    [[nodiscard]] float scale(std::uint64_t column) const { return scale_[column]; }

  private:
    void quantise(Worker& worker, std::uint64_t row, std::uint64_t column, std::uint64_t piece,
                  FirstBad& bad);
    void quantise_row(Worker& worker, std::uint64_t row, std::uint64_t column, FirstBad& bad);
    void copy_quantised(Worker& worker, std::uint64_t row, std::uint64_t column);
    void copy_floats(Worker& worker, std::uint64_t row, std::uint64_t column, std::uint64_t piece);
    void store(std::uint64_t column, std::uint64_t first, std::uint64_t n, std::int8_t* q, float* d,
               std::int32_t* s);

    Machine& m_;
    const isa::WeightInfo& info_;
    std::uint64_t rows_, k_, padded_;
    bool quantised_;
    bool row_group_;
    std::uint64_t chunk_bytes_;  // of 64 k
    std::uint64_t stride_;
    std::uint64_t chunk_;
    View x_, d_, s_;
    std::byte* packed_ = nullptr;
    float* scale_ = nullptr;
    std::int32_t* sum_ = nullptr;
};

}  // namespace skald::card
