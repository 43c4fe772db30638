// SPDX-License-Identifier: MIT
// The left side of MATMUL: a chunk of activation columns, quantised or laid out once the way the
// kernels read them, then used against every row tile of weights.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "card/ops/experts.hpp"
#include "card/ops/machine.hpp"

namespace skald::card {

// Columns of a chunk that meet the same weights.
struct ColumnRun {
    std::uint32_t expert = 0;
    std::uint64_t first = 0;  // row of y that column 0 is
    std::uint64_t count = 0;
    // Made by Activations::prepare().
    std::uint64_t column = 0;           // of the chunk, that column 0 is
    std::uint64_t group = 1;            // columns of one kernel pass
    std::byte* packed = nullptr;        // where they lie
    const float* scale = nullptr;       // QuantGroup::Row: of every column
    const std::int32_t* sum = nullptr;  // likewise

    [[nodiscard]] std::uint64_t groups() const {
        return count <= group ? 1 : isa::ceil_div(count, group);
    }
};

class Activations {
  public:
    static constexpr std::uint64_t kMostColumns = 512;  // of a chunk; accumulators rely on it
    // How quantised columns lie: one stretch of k after the other; in it, groups of columns; in a
    // group, 64 k of all its columns side by side, then the next. So kernels, which do a part of a
    // stretch for one group after the other, read memory in order.
    static constexpr std::uint64_t kStretch = 8;  // in 64 k; whole tiles of every format

    Activations(Machine& m, const isa::MicroOp& op, const Experts& experts);

    // Columns that a chunk can hold; how many of `rows` it should, where they are more.
    [[nodiscard]] std::uint64_t most() const { return most_; }
    [[nodiscard]] std::uint64_t part_of(std::uint64_t rows) const;
    // Makes the columns of a chunk. Where rows of x are not finite, the fault is that of the first
    // row of y that is made of one.
    [[nodiscard]] Fault prepare(std::span<ColumnRun> runs);

    // Quantised columns from the 64 k number `chunk` on, for a kernel call that ends in the same
    // stretch, or, if there is one group, anywhere.
    void point(const ColumnRun& run, compute::IntegerCall& call, std::uint64_t chunk) const {
        call.columns = static_cast<unsigned>(run.count);
        call.x = run.packed + offset(run, 0, chunk);
        call.group = static_cast<unsigned>(run.group);
        call.x_step = run.group * chunk_bytes_;
        call.x_group = stretch(chunk) * call.x_step;
    }
    // The same where weights are floats: rows of floats.
    [[nodiscard]] const float* floats(const ColumnRun& run, std::uint64_t column,
                                      std::uint64_t chunk) const {
        return reinterpret_cast<const float*>(run.packed + column * stride_ + chunk * chunk_bytes_);
    }
    [[nodiscard]] std::uint64_t stride() const { return stride_; }  // bytes

  private:
    static constexpr std::uint64_t kMostGroup = 16;  // of more than one

    // Numbers of a row, or of a piece of it.
    struct Numbers {
        std::int8_t* q;
        float* d;         // of each 32
        std::int32_t* s;  // likewise
        [[nodiscard]] Numbers from(std::uint64_t k) const {
            return {q + k, d + k / isa::kQuantBlock, s + k / isa::kQuantBlock};
        }
    };
    struct Place {
        const ColumnRun& run;
        std::uint64_t column;                                                   // of the run
        [[nodiscard]] std::uint64_t row() const { return run.first + column; }  // of y
        [[nodiscard]] std::uint64_t in_chunk() const { return run.column + column; }
    };

    // Length of the stretch that a chunk lies in.
    [[nodiscard]] std::uint64_t stretch(std::uint64_t chunk) const {
        return std::min(kStretch, padded_ / isa::kTileK - chunk / kStretch * kStretch);
    }
    [[nodiscard]] std::uint64_t offset(const ColumnRun& run, std::uint64_t column,
                                       std::uint64_t chunk) const {
        const std::uint64_t begin = chunk / kStretch * kStretch;
        const std::uint64_t group = column < run.group ? 0 : column / run.group;
        return ((begin * run.groups() + stretch(chunk) * group + chunk - begin) * run.group +
                column - group * run.group) *
               chunk_bytes_;
    }
    // Pieces of a row that are made one by one.
    [[nodiscard]] std::uint64_t pieces() const;
    std::uint64_t lay_out(std::span<ColumnRun> runs);
    void make(Worker& worker, const Place& place, std::uint64_t piece, FirstBad& bad);
    [[nodiscard]] Fault fault_of(const FirstBad& bad) const;

    [[nodiscard]] Fault keep_rows();
    [[nodiscard]] Numbers kept(std::uint64_t row) const;

    bool quantise(Worker& worker, std::uint64_t row, std::uint64_t piece, const Numbers& to) const;
    template <class Done>
    bool quantise_row(Worker& worker, std::uint64_t row, float& scale, std::int32_t& sum,
                      const Numbers& to, std::uint64_t step, Done&& done) const;
    void copy_kept(Worker& worker, const Place& place, std::uint64_t row, std::uint64_t piece);
    void copy_quantised(Worker& worker, const Place& place);
    void copy_floats(Worker& worker, const Place& place, std::uint64_t piece) const;
    [[nodiscard]] std::uint64_t pad(std::uint64_t first, std::uint64_t n, const Numbers& at) const;
    void pack(const Place& place, std::uint64_t first, std::uint64_t end,
              const Numbers& from) const;

    Machine& m_;
    const Experts& experts_;
    const isa::WeightInfo& info_;
    std::uint64_t k_, padded_;
    bool quantised_;
    bool row_group_;
    std::uint64_t chunk_bytes_;  // of 64 k
    std::uint64_t stride_;
    std::uint64_t most_;
    const View& x_;
    const View& d_;           // of activations that come quantised
    float* scale_ = nullptr;  // QuantGroup::Row: by column of the chunk
    std::int32_t* sum_ = nullptr;
    // Rows of x that several columns may be made of are quantised before the first chunk.
    bool keeps_;
    std::byte* kept_ = nullptr;
    float* kept_scale_ = nullptr;  // QuantGroup::Row
    std::int32_t* kept_sum_ = nullptr;
};

}  // namespace skald::card
