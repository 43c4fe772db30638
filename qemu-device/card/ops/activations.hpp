// SPDX-License-Identifier: MIT
// The left side of MATMUL: a chunk of activation columns, quantised or laid out once the way the
// kernels read them, then used against every row tile of weights.
#pragma once

#include <algorithm>
#include <cstdint>

#include "card/ops/machine.hpp"

namespace skald::card {

class Activations {
  public:
    static constexpr std::uint64_t kMostColumns = 512;  // of a chunk; accumulators rely on it
    // How quantised columns lie: one stretch of k after the other; in it, groups of columns; in a
    // group, 64 k of all its columns side by side, then the next. So kernels, which do a part of a
    // stretch for one group after the other, read memory in order.
    static constexpr std::uint64_t kStretch = 8;  // in 64 k; whole tiles of every format

    Activations(Machine& m, const isa::MicroOp& op, std::uint64_t rows);

    // Columns that one chunk should hold.
    [[nodiscard]] std::uint64_t chunk() const { return chunk_; }
    // Makes rows [first, first + columns) of x columns 0 .. of the chunk.
    [[nodiscard]] Fault prepare(std::uint64_t first, std::uint64_t columns);

    // Quantised columns from the 64 k number `chunk` on, for a kernel call that ends in the same
    // stretch, or, if there is one group, anywhere.
    void point(compute::IntegerCall& call, std::uint64_t chunk) const {
        call.x = packed_ + offset(0, chunk);
        call.group = static_cast<unsigned>(group_);
        call.x_step = group_ * chunk_bytes_;
        call.x_group = stretch(chunk) * call.x_step;
    }
    [[nodiscard]] std::uint64_t columns() const { return columns_; }
    [[nodiscard]] std::uint64_t groups() const { return isa::ceil_div(columns_, group_); }
    // The same where weights are floats: rows of floats.
    [[nodiscard]] const float* floats(std::uint64_t column, std::uint64_t chunk) const {
        return reinterpret_cast<const float*>(packed_ + column * stride_ + chunk * chunk_bytes_);
    }
    [[nodiscard]] std::uint64_t stride() const { return stride_; }  // bytes
    // With QuantGroup::Row: sum and scale of every column.
    [[nodiscard]] const std::int32_t* sums() const { return sum_; }
    [[nodiscard]] const float* scales() const { return scale_; }

  private:
    static constexpr std::uint64_t kMostGroup = 16;  // of more than one

    // Length of the stretch that a chunk lies in.
    [[nodiscard]] std::uint64_t stretch(std::uint64_t chunk) const {
        return std::min(kStretch, padded_ / isa::kTileK - chunk / kStretch * kStretch);
    }
    [[nodiscard]] std::uint64_t offset(std::uint64_t column, std::uint64_t chunk) const {
        const std::uint64_t begin = chunk / kStretch * kStretch;
        const std::uint64_t group = column / group_;
        return ((begin * groups() + stretch(chunk) * group + chunk - begin) * group_ +
                column % group_) *
               chunk_bytes_;
    }
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
    std::uint64_t columns_ = 0;  // made by prepare()
    std::uint64_t group_ = 1;    // columns of one kernel pass
    const View& x_;
    const View& d_;  // of activations that come quantised
    std::byte* packed_ = nullptr;
    float* scale_ = nullptr;
    std::int32_t* sum_ = nullptr;
};

}  // namespace skald::card
