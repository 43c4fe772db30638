// SPDX-License-Identifier: MIT
// RMS_NORM, LAYER_NORM: over rows, or over groups of their columns.
#include <cmath>

#include "card/compute/math.hpp"
#include "card/ops/f32_rows.hpp"
#include "card/ops/ops.hpp"

namespace skald::card::ops {
namespace {

// One group of a row, from piece to piece. What it needs of other groups is nothing.
class Group {
  public:
    Group(Machine& m, const isa::MicroOp& op, Worker& worker, std::uint64_t row,
          std::uint64_t column)
        : m_(m),
          op_(op),
          worker_(worker),
          buffers_(F32Buffers::of(worker)),
          row_(row),
          column_(column),
          length_(isa::norm_group(op)) {}

    void run(bool layer) {
        terms_.mean = 0.0f;
        if (layer && !reduce(terms_.mean, [&](const float* x, std::uint32_t n, float* lanes) {
                m_.kernels.sum(x, n, lanes);
            }))
            return;
        float variance = 0.0f;
        if (!reduce(variance, [&](const float* x, std::uint32_t n, float* lanes) {
                m_.kernels.sum_squares(x, terms_.mean, n, lanes);
            }))
            return;
        terms_.r = 1.0f / std::sqrt(variance + isa::imm_f32(op_, 0));
        write();
    }

  private:
    // f(first, n) for each piece; false: the job is to end.
    template <class F>
    bool each_piece(F&& f) {
        for (std::uint64_t first = 0; first < length_; first += compute::kPiece) {
            if (first != 0 && m_.poll(worker_))
                return false;
            f(first, piece_length(length_, first));
        }
        return true;
    }
    const float* x(std::uint64_t first, std::uint32_t n) const {
        return m_.operand[0].in(row_, (column_ + first) * 4, n, buffers_.a);
    }
    // mean = sum16 of the group / f32(G), of what f adds to the lanes.
    template <class F>
    bool reduce(float& mean, F&& f) {
        alignas(64) float lanes[16] = {};
        if (!each_piece([&](std::uint64_t first, std::uint32_t n) { f(x(first, n), n, lanes); }))
            return false;
        mean = compute::tree_sum(lanes) / static_cast<float>(length_);
        return true;
    }
    void write() {
        const std::uint64_t gains = (op_.flags & isa::kFlagGainRow) != 0 ? column_ : 0;
        each_piece([&](std::uint64_t first, std::uint32_t n) {
            const std::uint64_t at = (gains + first) * 4;
            if ((op_.flags & isa::kFlagNoGain) == 0)
                terms_.gain = m_.operand[1].in(0, at, n, buffers_.b);
            if ((op_.flags & isa::kFlagNormBias) != 0)
                terms_.bias = m_.operand[3].in(0, at, n, buffers_.c);
            const auto y = m_.operand[2].out(row_, (column_ + first) * 4, n, buffers_.y);
            m_.kernels.normalise(x(first, n), terms_, y.data(), n);
            y.commit();
        });
    }

    Machine& m_;
    const isa::MicroOp& op_;
    Worker& worker_;
    F32Buffers& buffers_;
    std::uint64_t row_;
    std::uint64_t column_;
    std::uint64_t length_;
    compute::NormTerms terms_;
};

Fault norm(Machine& m, const isa::MicroOp& op, std::uint64_t rows, bool layer) {
    const std::uint64_t length = isa::norm_group(op);
    const std::uint64_t groups = op.dim[0] / length;
    m.parallel(rows * groups, length / 8, [&](Worker& worker, std::uint64_t item) {
        Group(m, op, worker, item / groups, item % groups * length).run(layer);
    });
    return {};
}

}  // namespace

Fault rms_norm(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    return norm(m, op, rows, false);
}

Fault layer_norm(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    return norm(m, op, rows, true);
}

}  // namespace skald::card::ops
