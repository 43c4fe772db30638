// SPDX-License-Identifier: MIT
// RMS_NORM, ADD, GLU, ROPE: rows of f32.
#include <algorithm>
#include <bit>
#include <cmath>

#include "card/compute/math.hpp"
#include "card/ops/ops.hpp"

namespace skald::card::ops {
namespace {

using compute::kPiece;
constexpr std::uint64_t kHeadsTogether = 64;  // that are rotated between two looks at the flag

struct Buffers {
    float a[kPiece];
    float b[kPiece];
    float y[kPiece];
};
static_assert(sizeof(Buffers) <= Worker::kBufferBytes);

Buffers& buffers(Worker& worker) {
    return *reinterpret_cast<Buffers*>(worker.buffer());
}

float imm_f32(const isa::MicroOp& op, unsigned i) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(op.imm >> (32 * i)));
}

std::uint32_t piece_length(std::uint64_t total, std::uint64_t first) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(kPiece, total - first));
}

// y = f(a, b), piece by piece.
template <class F>
Fault elementwise(Machine& m, const isa::MicroOp& op, std::uint64_t rows, F&& function,
                  std::uint64_t elements_per_ns) {
    const std::uint64_t k = op.dim[0];
    const View& a = m.operand[0];
    const View& b = m.operand[1];
    const View& y = m.operand[2];
    const std::uint64_t pieces = isa::ceil_div(k, kPiece);
    m.parallel(rows * pieces, std::min<std::uint64_t>(k, kPiece) / elements_per_ns,
               [&](Worker& worker, std::uint64_t item) {
                   Buffers& buffer = buffers(worker);
                   const std::uint64_t row = item / pieces;
                   const std::uint64_t first = item % pieces * kPiece;
                   const std::uint32_t n = piece_length(k, first);
                   const auto out = y.out(row, first * 4, n, buffer.y);
                   function(a.in(row, first * 4, n, buffer.a), b.in(row, first * 4, n, buffer.b),
                            out.data(), n);
                   out.commit();
               });
    return {};
}

}  // namespace

Fault rms_norm(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const std::uint64_t k = op.dim[0];
    const float eps = imm_f32(op, 0);
    const View& x = m.operand[0];
    const View& gain = m.operand[1];
    const View& y = m.operand[2];
    m.parallel(rows, k / 8, [&](Worker& worker, std::uint64_t row) {
        Buffers& buffer = buffers(worker);
        alignas(64) float lanes[16] = {};
        for (std::uint64_t first = 0; first < k; first += kPiece) {
            if (first != 0 && m.poll(worker))
                return;
            const std::uint32_t n = piece_length(k, first);
            m.kernels.sum_squares(x.in(row, first * 4, n, buffer.a), 0.0f, n, lanes);
        }
        const float mean = compute::tree_sum(lanes) / static_cast<float>(k);
        const float r = 1.0f / std::sqrt(mean + eps);
        for (std::uint64_t first = 0; first < k; first += kPiece) {
            if (first != 0 && m.poll(worker))
                return;
            const std::uint32_t n = piece_length(k, first);
            const auto out = y.out(row, first * 4, n, buffer.y);
            m.kernels.normalise(x.in(row, first * 4, n, buffer.a),
                                {0.0f, r, gain.in(0, first * 4, n, buffer.b), nullptr}, out.data(),
                                n);
            out.commit();
        }
    });
    return {};
}

Fault add(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const auto add = m.kernels.add;
    return elementwise(
        m, op, rows,
        [&](const float* a, const float* b, float* y, std::uint32_t n) { add(a, b, 1.0f, y, n); },
        8);
}

Fault glu(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const auto gate = m.kernels.gate[op.aux];
    return elementwise(
        m, op, rows,
        [&](const float* a, const float* b, float* y, std::uint32_t n) { gate(a, b, {}, y, n); },
        2);
}

Fault rope(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const std::uint64_t heads = op.dim[0];
    const std::uint64_t head_dim = op.dim[1];
    const std::uint32_t rot_dim = op.dim[2];
    const std::uint64_t positions = op.dim[3];
    const View& x = m.operand[0];
    const View& table = m.operand[1];
    const View& list = m.operand[2];
    m.read_rows(2, rows);
    for (std::uint64_t row = 0; row < rows; ++row)
        if (m.row_table[row].position >= positions)
            return {SKALD_FAULT_VALUE, list.address(row, offsetof(isa::Row, position))};
    m.parallel(rows, heads * (3 + rot_dim / 16), [&](Worker& worker, std::uint64_t row) {
        Buffers& buffer = buffers(worker);
        const float* angles = table.in(m.row_table[row].position, 0, rot_dim, buffer.a);
        const std::uint64_t together =
            std::clamp<std::uint64_t>(kPiece / head_dim, 1, kHeadsTogether);
        for (std::uint64_t head = 0; head < heads; head += together) {
            if (head != 0 && m.poll(worker))
                return;
            const auto count =
                static_cast<std::uint32_t>(std::min<std::uint64_t>(together, heads - head));
            const auto piece =
                x.out(row, head * head_dim * 4, (count - 1) * head_dim + rot_dim, buffer.y, true);
            m.kernels.rope(piece.data(), count, static_cast<std::uint32_t>(head_dim), angles,
                           angles + rot_dim / 2, rot_dim / 2);
            piece.commit();
        }
    });
    return {};
}

}  // namespace skald::card::ops
