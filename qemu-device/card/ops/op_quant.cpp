// SPDX-License-Identifier: MIT
// QUANT and DEQUANT: blocks of 32 along the row, or the whole row as one.
#include <algorithm>

#include "card/compute/math.hpp"
#include "card/ops/ops.hpp"

namespace skald::card::ops {
namespace {

using compute::kPiece;
constexpr std::uint32_t kPieceBlocks = kPiece / isa::kQuantBlock;

// Where a worker keeps pieces that are scattered over pages.
struct Buffers {
    float x[kPiece];
    std::int8_t q[kPiece];
    float d[kPieceBlocks];
    std::int32_t s[kPieceBlocks];
};
static_assert(sizeof(Buffers) <= Worker::kBufferBytes);

Buffers& buffers(Worker& worker) {
    return *reinterpret_cast<Buffers*>(worker.buffer());
}

bool whole_row(const isa::MicroOp& op) {
    return op.fmt == static_cast<std::uint8_t>(isa::QuantGroup::Row);
}

// One scale for the row. False: not finite, or stopped.
bool quant_row(Machine& m, Worker& worker, const View& x, const View& q, const View& d,
               const View& s, std::uint64_t row, std::uint64_t k) {
    Buffers& buffer = buffers(worker);
    float max = 0.0f;
    std::int32_t sum = 0;
    for (std::uint64_t first = 0; first < k; first += kPiece) {
        const auto n = static_cast<std::uint32_t>(std::min<std::uint64_t>(kPiece, k - first));
        if ((first != 0 && m.poll(worker)) ||
            !m.kernels.abs_max(x.in(row, first * 4, n, buffer.x), n, max))
            return false;
    }
    const float id = compute::quant_inverse(max);
    for (std::uint64_t first = 0; first < k; first += kPiece) {
        if (first != 0 && m.poll(worker))
            return false;
        const auto n = static_cast<std::uint32_t>(std::min<std::uint64_t>(kPiece, k - first));
        const std::uint64_t bytes = isa::ceil_div(n, isa::kQuantBlock) * isa::kQuantBlock;
        const auto out = q.out(row, first, bytes, buffer.q);
        sum += m.kernels.quant_by(x.in(row, first * 4, n, buffer.x), id, n, out.data());
        out.commit();
    }
    d.set(row, 0, max / 127.0f);
    s.set(row, 0, sum);
    return true;
}

}  // namespace

Fault quant(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const std::uint64_t k = op.dim[0];
    const bool whole = whole_row(op);
    const View& x = m.operand[0];
    const View& q = m.operand[1];
    const View& d = m.operand[2];
    const View& s = m.operand[3];
    FirstBad bad;
    if (whole) {
        m.parallel(rows, k / 4, [&](Worker& worker, std::uint64_t row) {
            if (!quant_row(m, worker, x, q, d, s, row, k))
                bad.report(row);
        });
        return bad.any() ? Fault{SKALD_FAULT_NONFINITE, x.address(bad.row())} : Fault{};
    }
    const std::uint64_t pieces = isa::ceil_div(k, kPiece);
    m.parallel(rows * pieces, std::min<std::uint64_t>(k, kPiece) / 8,
               [&](Worker& worker, std::uint64_t item) {
                   Buffers& buffer = buffers(worker);
                   const std::uint64_t row = item / pieces;
                   const std::uint64_t first = item % pieces * kPiece;
                   const auto n =
                       static_cast<std::uint32_t>(std::min<std::uint64_t>(kPiece, k - first));
                   const std::uint64_t block = first / isa::kQuantBlock;
                   const std::uint64_t count = isa::ceil_div(n, isa::kQuantBlock);
                   const auto q_out = q.out(row, first, count * 32, buffer.q);
                   const auto d_out = d.out(row, block * 4, count, buffer.d);
                   const auto s_out = s.out(row, block * 4, count, buffer.s);
                   if (!m.kernels.quant(x.in(row, first * 4, n, buffer.x), n, q_out.data(),
                                        d_out.data(), s_out.data()))
                       bad.report(row);
                   q_out.commit();
                   d_out.commit();
                   s_out.commit();
               });
    if (bad.any())
        return {SKALD_FAULT_NONFINITE, x.address(bad.row())};
    return {};
}

Fault dequant(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const std::uint64_t k = op.dim[0];
    const bool whole = whole_row(op);
    const View& q = m.operand[0];
    const View& d = m.operand[1];
    const View& y = m.operand[2];
    const std::uint64_t pieces = isa::ceil_div(k, kPiece);
    m.parallel(
        rows * pieces, std::min<std::uint64_t>(k, kPiece) / 8,
        [&](Worker& worker, std::uint64_t item) {
            Buffers& buffer = buffers(worker);
            const std::uint64_t row = item / pieces;
            const std::uint64_t first = item % pieces * kPiece;
            const auto n = static_cast<std::uint32_t>(std::min<std::uint64_t>(kPiece, k - first));
            const std::uint64_t block = first / isa::kQuantBlock;
            const auto out = y.out(row, first * 4, n, buffer.x);
            const std::int8_t* numbers = q.in(row, first, n, buffer.q);
            if (whole)
                m.kernels.dequant_by(numbers, d.get<float>(row), out.data(), n);
            else
                m.kernels.dequant(
                    numbers, d.in(row, block * 4, isa::ceil_div(n, isa::kQuantBlock), buffer.d),
                    out.data(), n);
            out.commit();
        });
    return {};
}

}  // namespace skald::card::ops
