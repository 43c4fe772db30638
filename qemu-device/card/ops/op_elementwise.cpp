// SPDX-License-Identifier: MIT
// ADD, MUL, ACT, GLU: each result of one element of every input.
#include "card/ops/f32_rows.hpp"
#include "card/ops/ops.hpp"

namespace skald::card::ops {
namespace {

struct Piece {
    std::uint64_t row;
    std::uint64_t first;
    std::uint32_t n;
    F32Buffers& buffers;
    float* y;

    const float* a(const View& view) const { return view.in(row, first * 4, n, buffers.a); }
    const float* b(const View& view) const { return view.in(row, first * 4, n, buffers.b); }
};

// f(piece) for each piece of the rows of y. elements_per_ns: of the fastest path.
template <class F>
Fault each_piece(Machine& m, const isa::MicroOp& op, std::uint64_t rows, const View& y,
                 std::uint64_t elements_per_ns, F&& f) {
    const std::uint64_t k = op.dim[0];
    const std::uint64_t pieces = isa::ceil_div(k, compute::kPiece);
    m.parallel(rows * pieces, std::min<std::uint64_t>(k, compute::kPiece) / elements_per_ns,
               [&](Worker& worker, std::uint64_t item) {
                   F32Buffers& buffers = F32Buffers::of(worker);
                   const std::uint64_t row = item / pieces;
                   const std::uint64_t first = item % pieces * compute::kPiece;
                   const std::uint32_t n = piece_length(k, first);
                   const auto out = y.out(row, first * 4, n, buffers.y);
                   f(Piece{row, first, n, buffers, out.data()});
                   out.commit();
               });
    return {};
}

float scale_of(const isa::MicroOp& op) {
    return (op.flags & isa::kFlagScale) != 0 ? isa::imm_f32(op, 0) : 1.0f;
}

compute::Parameters parameters_of(const isa::MicroOp& op) {
    return {isa::imm_f32(op, 0), isa::imm_f32(op, 1)};
}

}  // namespace

Fault add(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const View& a = m.operand[0];
    const View& b = m.operand[1];
    const float s = scale_of(op);
    return each_piece(m, op, rows, m.operand[2], 8, [&](const Piece& piece) {
        m.kernels.add(piece.a(a), piece.b(b), s, piece.y, piece.n);
    });
}

Fault mul(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const View& a = m.operand[0];
    const View& b = m.operand[1];
    const float s = scale_of(op);
    if ((op.flags & isa::kFlagRow) != 0)
        return each_piece(m, op, rows, m.operand[2], 8, [&](const Piece& piece) {
            m.kernels.scale(piece.a(a), b.get<float>(piece.row), s, piece.y, piece.n);
        });
    return each_piece(m, op, rows, m.operand[2], 8, [&](const Piece& piece) {
        m.kernels.multiply(piece.a(a), piece.b(b), s, piece.y, piece.n);
    });
}

Fault act(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const View& x = m.operand[0];
    const auto activate = m.kernels.activate[op.aux];
    const compute::Parameters parameters = parameters_of(op);
    return each_piece(m, op, rows, m.operand[1], 2, [&](const Piece& piece) {
        activate(piece.a(x), parameters, piece.y, piece.n);
    });
}

Fault glu(Machine& m, const isa::MicroOp& op, std::uint64_t rows) {
    const View& gate = m.operand[0];
    const View& up = m.operand[1];
    const auto kernel = m.kernels.gate[op.aux];
    const compute::Parameters parameters = parameters_of(op);
    return each_piece(m, op, rows, m.operand[2], 2, [&](const Piece& piece) {
        kernel(piece.a(gate), piece.b(up), parameters, piece.y, piece.n);
    });
}

}  // namespace skald::card::ops
