// SPDX-License-Identifier: MIT
// ROPE: pairs of a head's elements turned by the angles of a position.
#include <algorithm>

#include "card/ops/f32_rows.hpp"
#include "card/ops/ops.hpp"

namespace skald::card::ops {

constexpr std::uint64_t kHeadsTogether = 64;  // that are rotated between two looks at the flag

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
        F32Buffers& buffer = F32Buffers::of(worker);
        const float* angles = table.in(m.row_table[row].position, 0, rot_dim, buffer.a);
        const std::uint64_t together =
            std::clamp<std::uint64_t>(compute::kPiece / head_dim, 1, kHeadsTogether);
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
